"""Files appear complete or not at all, and never replace a file that must be kept."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from stc.cli.writing import write_atomically
from stc.errors import StcError


def no_links(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["links", "no links", "no os.link"])
def links(request, monkeypatch):
    """Write with hard links, without those of the file system, and without those of Python."""
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


needs_modes = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@needs_modes
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444, 0o755])
def test_a_file_that_is_overwritten_keeps_its_mode(tmp_path, mode, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_mode & 0o777))
    write_atomically(str(path), b"new", force=True)
    assert path.read_bytes() == b"new"
    assert [path.stat().st_mode & 0o777, *seen] == [mode, mode]


@needs_modes
def test_what_replaces_a_private_file_is_never_readable(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o600)
    opened, modes = os.open, []

    def watch(name, flags, mode=0o777, **more):
        modes.append(mode)
        return opened(name, flags, mode, **more)

    monkeypatch.setattr(os, "open", watch)
    write_atomically(str(path), b"new", force=True)
    assert set(modes) == {0o600}


def test_a_file_of_several_names_keeps_them(tmp_path):
    for old in (b"old", b"older than the new one"):
        one, other = tmp_path / f"{len(old)}", tmp_path / f"{len(old)}b"
        one.write_bytes(old)
        os.link(one, other)
        with pytest.raises(StcError, match="give --force"):
            write_atomically(str(one), b"new one")
        write_atomically(str(one), b"new one", force=True)
        assert other.read_bytes() == one.read_bytes() == b"new one"
        assert one.stat().st_nlink == 2
    assert len(list(tmp_path.iterdir())) == 4


def test_a_new_file_leaves_the_other_names_alone(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"old")
    os.link(one, other)
    write_atomically(str(one), b"new", force=True, in_place=False)
    assert (one.read_bytes(), other.read_bytes()) == (b"new", b"old")
    assert len(list(tmp_path.iterdir())) == 2


def test_an_error_puts_the_old_bytes_of_several_names_back(tmp_path, monkeypatch):
    for old in (b"old", b"older than the new one"):
        one, other = tmp_path / f"{len(old)}", tmp_path / f"{len(old)}b"
        one.write_bytes(old)
        os.link(one, other)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: full())
            with pytest.raises(OSError, match="No space"):
                write_atomically(str(one), b"new one", force=True)
        assert one.read_bytes() == old


def full():
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("letter", ["a", "\xe4"])
def test_names_as_long_as_they_can_be(tmp_path, force, letter):
    name = letter * (255 // len(letter.encode()))
    path = tmp_path / name
    if force:
        path.write_bytes(b"old")
    write_atomically(str(path), b"new", force=force)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="too long") as caught:
        write_atomically(f"{path}{letter}", b"new")
    assert caught.value.filename == f"{path}{letter}"


@needs_modes
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY])
def test_a_file_in_a_folder_that_is_not_ours_is_written_in_place(tmp_path, code, monkeypatch):
    path = tmp_path / "a"
    opened = os.open

    def refuse(name, flags, *more, **named):
        if os.fspath(name) != str(path):
            raise OSError(code, os.strerror(code), name)
        return opened(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=r"^\[Errno") as caught:
        write_atomically(str(path), b"new", force=True)
    assert caught.value.filename == str(path)
    path.write_bytes(b"older")
    inode = path.stat().st_ino
    with pytest.raises(OSError, match=r"^\[Errno"):
        write_atomically(str(path), b"new", force=True, in_place=False)
    assert path.read_bytes() == b"older"
    write_atomically(str(path), b"new", force=True)
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)


@needs_modes
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_may_not_be_written(tmp_path):
    path = tmp_path / "locked" / "a"
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            write_atomically(str(path.with_name("b")), b"new")
        write_atomically(str(path), b"new", force=True)
        assert path.read_bytes() == b"new"
    finally:
        path.parent.chmod(0o755)


def test_a_folder_that_vanishes(tmp_path, monkeypatch):
    path = tmp_path / "gone" / "a"
    for force in (False, True):
        path.parent.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: shutil.rmtree(path.parent))
            with pytest.raises(OSError, match="No such file") as caught:
                write_atomically(str(path), b"new", force=force)
        assert caught.value.filename == str(path)
        assert not list(tmp_path.iterdir())


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StcError, match="the current folder was removed"):
        write_atomically("a", b"new")
    write_atomically(str(tmp_path / "a"), b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_folders_are_not_written(tmp_path):
    for force in (False, True):
        with pytest.raises(StcError, match="is a folder"):
            write_atomically(str(tmp_path), b"new", force=force)


@pytest.fixture
def full_disk(tmp_path):
    """A file system with less than a page left."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607


def test_a_full_disk_loses_nothing(full_disk):
    for name in ("a", "b"):
        (full_disk / name).write_bytes(b"old")
    os.link(full_disk / "b", full_disk / "c")
    with pytest.raises(OSError, match="No space"):
        (full_disk / "rest").write_bytes(bytes(1 << 17))
    before = {path.name: path.read_bytes() for path in full_disk.iterdir()}
    for name in ("a", "b", "new"):
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(str(full_disk / name), b"n" * 20000, force=True)
        assert caught.value.filename == str(full_disk / name)
    assert {path.name: path.read_bytes() for path in full_disk.iterdir()} == before
