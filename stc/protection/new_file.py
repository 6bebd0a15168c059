"""A new file for its owner alone, that is never seen half written."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CREATE = os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_new(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 and have it on the disk; a link is not followed.

    A process that is killed leaves no file, or under Linux's older file systems and elsewhere one
    of another name that begins with `.stc-`. Raises FileExistsError if there is one already,
    OSError; then nothing is left.
    """
    try:
        if not _write_without_name(path, data):
            with being_written(path) as file:
                file.write(data)
    except OSError as error:  # not the name that it had while it was written, or none at all
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
    _sync(path.parent)


def _write_without_name(path: Path, data: bytes) -> bool:
    """Write a file that gets its name when it is complete. Returns False where there are none."""
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except (OSError, AttributeError):
        return False
    with open(number, "wb") as file:
        _fill(file.fileno(), data)
        try:
            # A folder to look in, which makes Python call linkat, which follows /proc's link.
            os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError:
            return False
    return True


@contextlib.contextmanager
def being_written(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A file of mode 0600 to write and to seek in, which gets its name when all is on the disk.

    Until then it has one beside that begins with `.stc-`, and none after an error. Raises
    FileExistsError if there is a file of that name already, unless `force`; OSError.
    """
    partial = path.with_name(f".stc-{secrets.token_hex(8)}")
    try:
        with open(os.open(partial, _CREATE | os.O_RDWR, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(partial, path)
        else:
            _name_exclusively(partial, path)
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            partial.unlink(missing_ok=True)
    _sync(path.parent)


def _name_exclusively(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # hard links are not supported here, as on FAT
        os.close(os.open(path, _CREATE | os.O_WRONLY, 0o600))
        os.replace(partial, path)


def _fill(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]
    os.fsync(number)


def _sync(folder: Path) -> None:
    """Have the system write the names in a folder to the disk, where it can be asked to."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
