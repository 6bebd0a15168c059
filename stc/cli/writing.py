"""Writing files so that they appear complete or not at all, and replace nothing unasked."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from pathlib import Path
from typing import BinaryIO

from stc.cli import streams
from stc.cli.files import already_exists, check_target, is_device, real_path

_WRITE = os.O_WRONLY | getattr(os, "O_BINARY", 0)  # Windows would change line ends

# The folder is not ours, or the file is mounted by itself, as containers do with single files.
_ONLY_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)


def write_atomically(name: str, data: bytes, *, force: bool = False) -> None:
    """Write a file that is complete as soon as it has its name; `-` is stdout.

    A file that is overwritten keeps its permissions and, as far as we may, its owner. One that has
    several names (hard links) keeps them all, and so does one in a folder that we may not write
    into: both are written in place, where an error puts the old bytes back, but a process that is
    killed in that moment cannot.

    Raises OutputExistsError for a file that exists, unless `force`, also if another process made it
    in the meantime; FileError, OSError. Devices, pipes and open files (/dev/fd/N) are written to
    directly.
    """
    number = streams.descriptor(name, 1)
    try:
        if number is not None:
            streams.write(number, data)
        elif is_device(name):
            with open(name, "wb") as file:  # cannot be renamed over
                file.write(data)
        else:
            check_target(name, force=force)
            _write_file(real_path(name), data, force=force)
    except OSError as error:
        if error.errno is None:
            raise
        # Not the name that the file had while it was written, or none at all.
        known = streams.NAMES[1] if number == 1 else name
        raise OSError(error.errno, os.strerror(error.errno), known) from error


def _write_file(path: Path, data: bytes, *, force: bool) -> None:
    """The same for a regular file, at the end of all links."""
    old = None
    if force:
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(path)
    if old is not None and old.st_nlink > 1:
        _write_over(path, data)
        return
    try:
        if not _write_without_name(path, data, old, force=force):
            _write_beside(path, data, old, force=force)
    except OSError as error:
        if old is None or error.errno not in _ONLY_IN_PLACE:
            raise
        _write_over(path, data)


def _write_without_name(
    path: Path, data: bytes, old: os.stat_result | None, *, force: bool
) -> bool:
    """Write a file that gets a name when it is complete: a process that is killed leaves nothing.

    Returns False, and has done nothing, where the system has no such files: they are Linux's.
    """
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, _mode(old))
    except (OSError, AttributeError):
        return False
    with open(number, "wb") as file:
        _fill(file, data, path, old)
        name = _partial(path) if force else path
        try:
            # A folder to look in, which makes Python call linkat, which follows /proc's link.
            os.link(f"/proc/self/fd/{number}", name, src_dir_fd=number, follow_symlinks=True)
        except FileExistsError:
            raise already_exists(str(path)) from None
        except (OSError, AttributeError):
            return False
    if force:
        try:
            os.replace(name, path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    return True


def _write_beside(path: Path, data: bytes, old: os.stat_result | None, *, force: bool) -> None:
    """Write a file of another name, and rename it when it is complete."""
    partial = _partial(path)
    try:
        with open(os.open(partial, os.O_CREAT | os.O_EXCL | _WRITE, _mode(old)), "wb") as file:
            _fill(file, data, path, old)
        if force:
            os.replace(partial, path)
        else:
            _name_exclusively(partial, path)
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            partial.unlink(missing_ok=True)


def _write_over(path: Path, data: bytes) -> None:
    """Write into a file that is there. Raises OSError, after putting back what it held."""
    with open(path, "r+b", buffering=0) as file:
        before = file.read(len(data))
        length = file.seek(0, os.SEEK_END)
        try:
            _write_from_start(file, data)
            os.fsync(file.fileno())
            os.ftruncate(file.fileno(), len(data))  # last: what it cuts off cannot be put back
        except BaseException:
            with contextlib.suppress(OSError):
                _write_from_start(file, before)
                os.ftruncate(file.fileno(), length)
            raise


def _write_from_start(file: io.FileIO, data: bytes) -> None:
    file.seek(0)
    while data:
        data = data[file.write(data) :]


def _fill(file: BinaryIO, data: bytes, path: Path, old: os.stat_result | None) -> None:
    """Write all of a new file, which takes over what may be done with an old one."""
    if old is not None:
        _take_over(file.fileno(), path, old)
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _take_over(number: int, path: Path, old: os.stat_result) -> None:
    """Give an open file the owner, the permissions and the attributes of another, if we may."""
    if not hasattr(os, "fchown"):  # Windows
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):
            os.fchown(number, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):  # as on FAT, where all files have one mode
        os.fchmod(number, old.st_mode & 0o777)
    if hasattr(os, "listxattr"):  # access lists among them
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                with contextlib.suppress(OSError):
                    os.setxattr(number, name, os.getxattr(path, name))


def _mode(old: os.stat_result | None) -> int:
    """What a new file is made with: nobody reads what replaces a private one, not for a moment."""
    return 0o666 if old is None else 0o600


def _partial(path: Path) -> Path:
    """A name beside another one, and not made of it: that may be as long as names can be."""
    return path.with_name(f".stc-{os.urandom(8).hex()}")


def _name_exclusively(partial: Path, path: Path) -> None:
    """Give a finished file its name, unless another file has it.

    Raises OutputExistsError, OSError.
    """
    try:
        os.link(partial, path)
    except FileExistsError:
        raise already_exists(str(path)) from None
    except (OSError, AttributeError):  # hard links are not supported here, as on FAT
        _reserve_and_replace(partial, path)


def _reserve_and_replace(partial: Path, path: Path) -> None:
    """The same without hard links: for a moment the name belongs to an empty file."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise already_exists(str(path)) from None
    try:
        os.replace(partial, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
