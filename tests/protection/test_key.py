"""Keys, and the files they are kept in."""

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
