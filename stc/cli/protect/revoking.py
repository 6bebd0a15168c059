"""The list of revoked records: reading it with a size limit, and appending to it safely."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stc.cli.protect.replacing import sync_folder
from stc.errors import CorruptError, StcError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from stc.protection import Revocations

MAX_LIST = 1 << 26  # bytes: four million records
_DIGITS = 16  # hexadecimal digits of a tag


def read_revoked(path: Path) -> Revocations:
    """Read a list of revoked records. Raises CorruptError, OSError."""
    with path.open("rb") as file:
        return _parse(path, file.read(MAX_LIST + 1))


def known_revoked(path: Path) -> Revocations:
    """Read a list that may not exist, or may end with an incomplete line.

    An interrupted `add_revoked` leaves such a line; its record is not revoked yet. Raises
    CorruptError, OSError.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST + 1)
    except FileNotFoundError:
        data = b""
    return _parse(path, data[: len(data) - len(_torn(data))])


def check_list(path: Path) -> None:
    """Raise StcError if nothing can be appended to the list."""
    if not path.parent.is_dir():
        raise StcError(f"there is no folder {path.parent} to write {path.name} into")
    if path.is_dir():
        raise StcError(f"{path} is a folder: give the name of a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise StcError(f"{path} cannot be written")


def add_revoked(path: Path, tags: Sequence[bytes]) -> None:
    """Append a line for each tag to the list, which is created if it does not exist.

    The list is not rewritten, so that two processes at once lose no line. An incomplete last line,
    and lines that could not be written completely, are removed. Raises OSError.
    """
    with path.open("ab+", buffering=0) as file, _alone(file):
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - _DIGITS))
        last = file.read(_DIGITS)
        torn = _torn(last)
        end -= len(torn)
        file.truncate(end)
        line_ended = torn or not last or last.endswith(b"\n")
        data = b"" if line_ended else b"\n"
        data += "".join(f"{tag.hex()}\n" for tag in tags).encode()
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise
    sync_folder(str(path))


def _torn(data: bytes) -> bytes:
    """The incomplete last line of a list: fewer digits than a tag has, without a line end."""
    last = data[data.rfind(b"\n") + 1 :]
    return last if len(last) < _DIGITS and _is_hex(last) else b""


def _is_hex(data: bytes) -> bool:
    return not data.strip(b"0123456789abcdef")


def _parse(path: Path, data: bytes) -> Revocations:
    from stc.protection import Revocations

    if len(data) > MAX_LIST:
        raise CorruptError(f"{path}: a list of revoked records has at most {MAX_LIST} bytes")
    try:
        return Revocations.from_text(data.decode())
    except (UnicodeDecodeError, CorruptError) as error:
        raise CorruptError(f"{path} is not a list of revoked records: {error}") from error


@contextlib.contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    """Lock the list against other processes, where the system has locks."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
    yield
