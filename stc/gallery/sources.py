"""Reading a file once, in any order, and recognising its content in a later run."""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from stc.errors import DataError

CHUNK = 1 << 20  # bytes

# If a file was changed less than this before it was read, a later change may have the same time
# stamp, because of the resolution of the file system's clock.
SETTLED_NS = 2_000_000_000


class HashedFile(io.RawIOBase):
    """A readable file that computes the SHA-256 of all its bytes on the way.

    Bytes are hashed as they are read. Bytes that the reader skips are hashed when it reads after
    them, and the rest by `identity`, so that every byte is read from the disk once.

    Raises OSError, as `open` does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        self._read_ns = time.time_ns()
        self._state = _state(os.fstat(self._file.fileno()))
        self._hash = hashlib.sha256()
        self._hashed = 0  # bytes from the beginning

    @property
    def position(self) -> int:
        """The number of bytes from the beginning that have been hashed; it never decreases."""
        return self._hashed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any, /) -> int:
        place = self._file.tell()
        if place > self._hashed:
            self._hash_until(place)
            self._file.seek(place)
        count = self._file.readinto(buffer) or 0
        new = place + count - self._hashed
        if count and new > 0:
            self._hash.update(memoryview(buffer)[count - new : count])
            self._hashed += new
        return count

    def identity(self) -> dict[str, Any]:
        """Read the rest of the file and return what `recognise` identifies it by.

        `source_bytes`: its size. `source_sha256`: in hex. `source_mtime_ns` and `source_ctime_ns`:
        when its content and when anything about it last changed. `source_read_ns`: when it was
        opened. All times are in nanoseconds. Raises DataError if the file was changed since it was
        opened, OSError if it cannot be read.
        """
        self._hash_until(None)
        if _state(os.fstat(self._file.fileno())) != self._state:
            raise DataError(f"{self.path} was changed while it was read")
        return {
            **self._state,
            "source_bytes": self._hashed,
            "source_sha256": self._hash.hexdigest(),
            "source_read_ns": self._read_ns,
        }

    def close(self) -> None:
        self._file.close()
        super().close()

    def __enter__(self) -> HashedFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hash_until(self, end: int | None) -> None:
        """Read and hash what is not hashed yet, up to byte `end` or the end of the file."""
        self._file.seek(self._hashed)
        while end is None or self._hashed < end:
            data = self._file.read(CHUNK if end is None else min(CHUNK, end - self._hashed))
            if not data:
                return
            self._hash.update(data)
            self._hashed += len(data)


def recognise(path: Path, known: dict[str, Any]) -> dict[str, Any] | None:
    """The identity of a file whose content is as when `HashedFile.identity` returned `known`.

    If size and times show that the file was not changed, this is `known` itself. (Programs can set
    a file's mtime back, but not its ctime.) Otherwise the file is read, and its new identity is
    returned if the content is the same. Returns None if the content is different.

    Raises OSError if the file cannot be read, DataError if it is changed while it is read.
    """
    status = path.stat()
    if status.st_size != known.get("source_bytes"):
        return None
    if _is_untouched(status, known):
        return known
    with HashedFile(path) as file:
        found = file.identity()
    return found if found["source_sha256"] == known.get("source_sha256") else None


def _is_untouched(status: os.stat_result, known: dict[str, Any]) -> bool:
    """Whether size and times alone show that a file's content is the one in `known`."""
    if os.name == "nt":  # there st_ctime is the time of creation
        return False
    state = _state(status)
    same = all(known.get(name) == value for name, value in state.items())
    return same and state["source_ctime_ns"] + SETTLED_NS < known.get("source_read_ns", 0)


def _state(status: os.stat_result) -> dict[str, int]:
    """Size and times of a file, which change with its content."""
    return {
        "source_bytes": status.st_size,
        "source_mtime_ns": status.st_mtime_ns,
        "source_ctime_ns": status.st_ctime_ns,
    }
