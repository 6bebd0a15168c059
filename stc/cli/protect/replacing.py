"""Replacing the file of a record: an interruption leaves the old or the new one, complete."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator

from stc.cli.files import real_path
from stc.errors import StcError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

_MAX_WAIT = 10.0  # seconds that another process may take to renew a record
_BUSY = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Lock the file of a record, so that no other process renews it meanwhile.

    The lock is advisory, and the system releases it with the process. Does nothing for stdin, and
    where there are no such locks. Raises StcError if another process holds the lock for ten
    seconds, OSError.
    """
    if name == "-" or fcntl is None:
        yield
        return
    end = time.monotonic() + _MAX_WAIT
    while True:
        with open(name, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _BUSY:
                    yield  # a file system without locks
                    return
                if time.monotonic() > end:
                    raise StcError(f"{name} is being renewed by another process") from None
                time.sleep(0.02)
                continue
            # The process that held the lock may have replaced the file after it was opened here.
            if os.path.samestat(os.fstat(file.fileno()), os.stat(name)):
                yield
                return


def check_replaceable(name: str) -> None:
    """Raise StcError for a file that could only be overwritten in place, which is not atomic."""
    path = real_path(name)
    if path.stat().st_nlink > 1:
        raise StcError(f"{name} has several hard links: give -o another name")
    if not os.access(path.parent, os.W_OK) or os.path.ismount(path):
        raise StcError(f"{name} cannot be replaced in its folder: give -o another name")


def replace(name: str, data: bytes) -> None:
    """Replace a file atomically, with its permissions; the new one is synced to the disk.

    The caller must hold the lock: the temporary file has a fixed name, so that the next call
    removes one that an interruption left. Raises OSError.
    """
    path = real_path(name)
    old = path.stat()
    partial = path.with_name(f".stc-renewing-{old.st_ino:x}")
    partial.unlink(missing_ok=True)
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        with open(os.open(partial, flags, 0o600), "wb") as file:
            _take_over(file.fileno(), old)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), name) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            partial.unlink(missing_ok=True)


def sync_folder(name: str) -> None:
    """Sync the folder of a file to the disk, where the system supports it."""
    with contextlib.suppress(OSError):
        folder = os.open(real_path(name).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _take_over(number: int, old: os.stat_result) -> None:
    """Copy the permissions of an old file and, if the process may set it, its owner."""
    if not hasattr(os, "fchown"):  # Windows
        return
    with contextlib.suppress(OSError):
        os.fchown(number, old.st_uid, old.st_gid)
    os.fchmod(number, old.st_mode & 0o777)
