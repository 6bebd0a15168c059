"""A file that is read once, in whatever order, and known by its content afterwards."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any

CHUNK = 1 << 20  # bytes


class HashedFile(io.RawIOBase):
    """A file to read from that adds up the SHA-256 of all its bytes.

    Bytes are hashed as they pass. Those that the reader skips are read as soon as it reads behind
    them, and the rest by `identity`, so that every byte comes from the disk once.

    Raises OSError, as `open` does.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._mtime_ns = os.fstat(self._file.fileno()).st_mtime_ns
        self._hash = hashlib.sha256()
        self._hashed = 0  # bytes from the beginning

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
        """The file's `source_bytes`, `source_sha256` in hex, and `source_mtime_ns`.

        The last is the time of change that the file had when it was opened, in nanoseconds.
        """
        self._hash_until(None)
        return {
            "source_bytes": self._hashed,
            "source_sha256": self._hash.hexdigest(),
            "source_mtime_ns": self._mtime_ns,
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


def same_content(path: Path, known: dict[str, Any]) -> bool:
    """Whether a file holds what it held when `HashedFile.identity` returned `known`.

    It is read only where its size is the same and its time of change is not. Raises OSError.
    """
    status = path.stat()
    if status.st_size != known.get("source_bytes"):
        return False
    if status.st_mtime_ns == known.get("source_mtime_ns"):
        return True
    with HashedFile(path) as file:
        return bool(file.identity()["source_sha256"] == known.get("source_sha256"))
