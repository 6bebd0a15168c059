"""Writing new files that only their owner can read and that appear only when complete."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CREATE = os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_new(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 and flush it to the disk; symbolic links are not followed.

    If the process is killed, no file is left; where system or file system lack O_TMPFILE, a
    temporary file whose name begins with `.stc-` may be left. Raises FileExistsError if the file
    exists, OSError if it cannot be written; no file is left then.
    """
    try:
        if not _write_without_name(path, data):
            with being_written(path) as file:
                file.write(data)
    except OSError as error:  # name the wanted path instead of the temporary file or descriptor
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
    _sync(path.parent)


def _write_without_name(path: Path, data: bytes) -> bool:
    """Write an unnamed file (O_TMPFILE) and link it to `path` when complete.

    Returns False where the system does not support that.
    """
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except (OSError, AttributeError):
        return False
    with open(number, "wb") as file:
        _fill(file.fileno(), data)
        try:
            # With src_dir_fd Python calls linkat, which can follow the symbolic link in /proc.
            os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError:
            return False
    return True


@contextlib.contextmanager
def being_written(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A context with a writable, seekable file of mode 0600 that gets its name on success.

    It is written under a temporary name beginning with `.stc-` in the same folder, flushed to the
    disk and renamed; after an error it is removed. force: replace an existing file, with its
    permissions and, if the process may set it, its owner.
    Raises FileExistsError if the file exists and not `force`, OSError if it cannot be written.
    """
    partial = path.with_name(f".stc-{secrets.token_hex(8)}")
    try:
        with open(os.open(partial, _CREATE | os.O_RDWR, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            _take_over(partial, path)
            os.replace(partial, path)
        else:
            _name_exclusively(partial, path)
    except OSError as error:  # name the wanted path instead of the temporary file
        if error.errno is None or error.filename not in (None, str(partial)):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            partial.unlink(missing_ok=True)
    _sync(path.parent)


def _take_over(partial: Path, path: Path) -> None:
    """Copy owner and permissions of the file that will be replaced, if there is one."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    with contextlib.suppress(OSError, AttributeError):  # Windows has no owners
        os.chown(partial, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):  # FAT has one mode for all files
        partial.chmod(old.st_mode & 0o777)


def _name_exclusively(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # hard links are not supported, as on FAT
        os.close(os.open(path, _CREATE | os.O_WRONLY, 0o600))
        os.replace(partial, path)


def _fill(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]
    os.fsync(number)


def _sync(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system supports that."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
