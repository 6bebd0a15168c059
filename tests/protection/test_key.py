"""Keys and key files."""

import errno
import os
import pickle
import stat

import pytest

from stc.errors import KeyFileError, TemplateError
from stc.protection import Key


def test_a_key_survives_its_file(tmp_path):
    key = Key.generate()
    key.save(tmp_path / "k")
    assert Key.load(tmp_path / "k") == key
    assert Key.load(tmp_path / "k") != Key.generate()
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


def test_a_key_file_is_never_overwritten(tmp_path):
    key = Key.generate()
    key.save(tmp_path / "k")
    with pytest.raises(KeyFileError, match="never overwritten"):
        Key.generate().save(tmp_path / "k")
    assert Key.load(tmp_path / "k") == key


def test_damaged_and_open_files_are_refused(tmp_path):
    path = tmp_path / "k"
    Key.generate().save(path)
    text = path.read_bytes()
    for bad in (text[:-3], b"x" + text, text[:30] + b"z" + text[31:], text[:-2] + b"z\n", b""):
        path.write_bytes(bad)
        with pytest.raises(KeyFileError):
            Key.load(path)
    digit = b"1" if text[40:41] == b"0" else b"0"
    path.write_bytes(text[:40] + digit + text[41:])
    with pytest.raises(KeyFileError, match="damaged"):
        Key.load(path)
    if os.name == "posix":
        path.write_bytes(text)
        path.chmod(0o640)
        with pytest.raises(KeyFileError, match="chmod 600"):
            Key.load(path)


def test_files_that_are_no_keys(tmp_path):
    """Of very long files, only as many bytes as a key file can have are read."""
    path = tmp_path / "k"
    Key(bytes(32)).save(path)
    text = path.read_bytes()
    for more in (b"\n" * 99, b" " * 99 + b"x"):
        path.write_bytes(text + more)
        with pytest.raises(KeyFileError):
            Key.load(path)
    path.write_bytes(text.replace(b"\n", b"\r\n").replace(b"1\r\n", b"1\n"))  # an editor's line end
    assert Key.load(path) == Key(bytes(32))
    path.write_bytes(text)
    os.truncate(path, 1 << 40)  # a sparse file, which uses no space on the disk
    with pytest.raises(KeyFileError):
        Key.load(path)
    with pytest.raises(OSError, match="folder"):
        Key.load(tmp_path / "no folder" / "k")


@pytest.mark.parametrize("missing", ["O_TMPFILE", "links", ""])
def test_a_key_is_written_on_every_file_system(tmp_path, missing, monkeypatch):
    if missing:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    if missing == "links":

        def refuse(*_, **__):
            raise PermissionError(1, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    key = Key.generate()
    key.save(tmp_path / "k")
    assert Key.load(tmp_path / "k") == key
    with pytest.raises(KeyFileError, match="never overwritten"):
        Key.generate().save(tmp_path / "k")
    assert Key.load(tmp_path / "k") == key
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


@pytest.mark.parametrize("missing", ["O_TMPFILE", ""])
def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path, missing, monkeypatch):
    if missing:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        Key.generate().save(tmp_path / "k")
    assert caught.value.filename == str(tmp_path / "k")
    assert list(tmp_path.iterdir()) == []


def test_a_key_does_not_show_itself():
    key = Key(b"s" * 32)
    assert "s" * 4 not in repr(key).replace("<secret>", "")
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        hash(key)
    with pytest.raises(TemplateError):
        Key(b"short")


def test_contexts_have_streams_of_their_own(key):
    assert key.stream(b"a", 64) != key.stream(b"b", 64)
    assert key.stream(b"a", 64)[:32] == key.stream(b"a", 32)
