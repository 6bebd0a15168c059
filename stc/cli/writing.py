"""Writing files atomically: they appear complete or not at all, and overwrite only on request."""

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

# Errors of a folder without write permission, or of a file that is a mount point, as in containers.
_ONLY_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)


def write_atomically(name: str, data: bytes, *, force: bool = False, in_place: bool = True) -> None:
    """Write a file so that its name never belongs to an incomplete file; `-` is stdout.

    name: a path, or `-`. Devices, pipes and descriptors (/dev/fd/N) are written to directly.
    force: overwrite an existing file. It keeps its permissions and, if the process may set it, its
        owner. A file with several hard links, or in a folder without write permission, is written
        in place: an error restores the old content, but a killed process leaves a mixture.
    in_place: False replaces such a file too, or raises OSError; other hard links keep the old
        content.

    Raises OutputExistsError for an existing file without `force`, also if another process created
    it in the meantime; FileError, OSError.
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
            _write_file(real_path(name), data, force=force, in_place=in_place)
    except OSError as error:
        if error.errno is None:
            raise
        # Name the output, not the temporary file.
        known = streams.NAMES[1] if number == 1 else name
        raise OSError(error.errno, os.strerror(error.errno), known) from error


def _write_file(path: Path, data: bytes, *, force: bool, in_place: bool) -> None:
    """Write a regular file at a path without symbolic links, see `write_atomically`."""
    old = None
    if force:
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(path)
    if in_place and old is not None and old.st_nlink > 1:
        _write_over(path, data)
        return
    try:
        if not _write_without_name(path, data, old, force=force):
            _write_beside(path, data, old, force=force)
    except OSError as error:
        if not in_place or old is None or error.errno not in _ONLY_IN_PLACE:
            raise
        _write_over(path, data)


def _write_without_name(
    path: Path, data: bytes, old: os.stat_result | None, *, force: bool
) -> bool:
    """Write a file without a name, and name it when it is complete; True if that is done.

    So a killed process leaves no temporary file, except between naming and renaming, if it replaces
    an existing file. Returns False, without any change, where the system or the file system has no
    O_TMPFILE, which is specific to Linux, or if another process creates the file to be replaced.
    """
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, _mode(old))
    except (OSError, AttributeError):
        return False
    with open(number, "wb") as file:
        _fill(file, data, path, old)
        name = path if old is None else _partial(path)
        try:
            # With src_dir_fd Python calls linkat, which can follow the link in /proc.
            os.link(f"/proc/self/fd/{number}", name, src_dir_fd=number, follow_symlinks=True)
        except FileExistsError:
            if force:
                return False
            raise already_exists(str(path)) from None
        except (OSError, AttributeError):
            return False
    if name != path:
        try:
            os.replace(name, path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    return True


def _write_beside(path: Path, data: bytes, old: os.stat_result | None, *, force: bool) -> None:
    """Write a temporary file in the same folder, and rename it when it is complete."""
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
    """Overwrite an existing file in place. Raises OSError, after restoring the old content."""
    with open(path, "r+b", buffering=0) as file:
        before = file.read(len(data))
        length = file.seek(0, os.SEEK_END)
        try:
            _write_from_start(file, data)
            os.fsync(file.fileno())
            os.ftruncate(file.fileno(), len(data))  # last: truncation cannot be undone
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
    """Write a new file to the disk, with the permissions of the old one at `path` if any."""
    if old is not None:
        _take_over(file.fileno(), path, old)
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _take_over(number: int, path: Path, old: os.stat_result) -> None:
    """Copy owner, permissions and attributes of an old file, as far as the process may."""
    if not hasattr(os, "fchown"):  # Windows
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):
            os.fchown(number, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):  # FAT has one mode for all files
        os.fchmod(number, old.st_mode & 0o777)
    if hasattr(os, "listxattr"):  # these include access control lists
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                with contextlib.suppress(OSError):
                    os.setxattr(number, name, os.getxattr(path, name))


def _mode(old: os.stat_result | None) -> int:
    """The mode on creation: a replacement is private until it gets the old permissions."""
    return 0o666 if old is None else 0o600


def _partial(path: Path) -> Path:
    """A random name in the same folder; not the name with an addition, which may be too long."""
    return path.with_name(f".stc-{os.urandom(8).hex()}")


def _name_exclusively(partial: Path, path: Path) -> None:
    """Rename a complete file, unless the new name exists. Raises OutputExistsError, OSError."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise already_exists(str(path)) from None
    except (OSError, AttributeError):  # the file system has no hard links, such as FAT
        _reserve_and_replace(partial, path)


def _reserve_and_replace(partial: Path, path: Path) -> None:
    """`_name_exclusively` without hard links: for a moment the name belongs to an empty file."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise already_exists(str(path)) from None
    try:
        os.replace(partial, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
