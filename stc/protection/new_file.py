"""A new file for its owner alone, that is never seen half written."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_new(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 and have it on the disk; a link is not followed.

    A process that is killed leaves no file, or under Linux's older file systems and elsewhere one
    of another name that begins with `.stc-`. Raises FileExistsError if there is one already,
    OSError; then nothing is left.
    """
    try:
        if not _write_without_name(path, data):
            _write_beside(path, data)
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


def _write_beside(path: Path, data: bytes) -> None:
    """Write a file of another name, and give it its own when it is complete."""
    partial = path.with_name(f".stc-{secrets.token_hex(8)}")
    try:
        number = os.open(partial, _CREATE, 0o600)
        try:
            _fill(number, data)
        finally:
            os.close(number)
        try:
            os.link(partial, path)
        except FileExistsError:
            raise
        except (OSError, AttributeError):  # hard links are not supported here, as on FAT
            os.close(os.open(path, _CREATE, 0o600))
            os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            partial.unlink(missing_ok=True)


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
