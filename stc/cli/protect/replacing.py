"""Records that are replaced: the old one is there until the new one is, whatever interrupts."""

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

_PATIENCE = 10.0  # seconds that another process may take to renew a record
_BUSY = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other processes from renewing the record in a file, until it is left.

    Advisory, and released by the system with the process. Raises StcError after ten seconds,
    OSError. Does nothing for stdin, and where the system has no such locks.
    """
    if name == "-" or fcntl is None:
        yield
        return
    end = time.monotonic() + _PATIENCE
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
            # Whoever held the lock may have put another file in place of the one that was opened.
            if os.path.samestat(os.fstat(file.fileno()), os.stat(name)):
                yield
                return


def check_replaceable(name: str) -> None:
    """Raise StcError for a file that could only be written over, and be lost half way."""
    path = real_path(name)
    if path.stat().st_nlink > 1:
        raise StcError(f"{name} has several names (hard links): give -o another one")
    if not os.access(path.parent, os.W_OK) or os.path.ismount(path):
        raise StcError(f"{name} cannot be replaced in its folder: give -o another one")


def replace(name: str, data: bytes) -> None:
    """Put a new file, whole and on the disk, in place of one that keeps its permissions.

    Only for the holder of the lock: what an interruption leaves beside the file has a fixed name,
    so that the next call removes it. Raises OSError.
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
    """Have the system write a file's name to the disk, where it can be asked to."""
    with contextlib.suppress(OSError):
        folder = os.open(real_path(name).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _take_over(number: int, old: os.stat_result) -> None:
    """Give an open file the owner and the permissions of another, as far as we may."""
    if not hasattr(os, "fchown"):  # Windows
        return
    with contextlib.suppress(OSError):
        os.fchown(number, old.st_uid, old.st_gid)
    os.fchmod(number, old.st_mode & 0o777)
