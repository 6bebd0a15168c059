"""Files appear complete or not at all, and never in place of one that must be kept."""

import errno
import os

import pytest

from stc.cli.writing import write_atomically
from stc.errors import StcError


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["links", "no links", "no os.link"])
def links(request, monkeypatch):
    """Write with hard links, where the file system has none, and where Python has none."""
    if request.param == "no links":
        monkeypatch.setattr(os, "link", no_links)
    elif request.param == "no os.link":
        monkeypatch.delattr(os, "link")


@pytest.mark.usefixtures("links")
def test_a_new_file(tmp_path):
    path = tmp_path / "a"
    mask = os.umask(0o027)
    try:
        write_atomically(str(path), b"new")
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("links")
def test_a_file_that_another_process_makes_meanwhile_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "a"
    monkeypatch.setattr(os, "fsync", lambda _: path.write_bytes(b"theirs"))
    with pytest.raises(StcError, match="exists: give --force"):
        write_atomically(str(path), b"ours")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]
    write_atomically(str(path), b"ours", force=True)
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_leaves_nothing(tmp_path, monkeypatch, force):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    for function in ("replace", "fsync"):
        monkeypatch.setattr(os, function, full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(str(tmp_path / "a"), b"ours", force=force)
        assert not list(tmp_path.iterdir())


def test_a_link_without_a_target_gets_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_missing_folder(tmp_path):
    with pytest.raises(StcError, match="there is no folder"):
        write_atomically(str(tmp_path / "none" / "a"), b"new")


def test_a_pipe_behind_a_link():
    ours, theirs = os.pipe()
    write_atomically(f"/dev/fd/{theirs}", b"new")
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        assert pipe.read() == b"new"
