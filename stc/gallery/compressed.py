"""A compressed file read as what it holds, to its last byte.

Several compressed streams may follow each other, with zeros between them. Python's own readers of
bzip2, xz and zstd end in silence at the first byte after a stream that begins no other.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
from collections.abc import Callable
from typing import Any

BUFFER = 1 << 18  # bytes read at once

_BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
_ZSTD = b"\x28\xb5\x2f\xfd"


def decompressed(file: io.BufferedReader) -> io.BufferedReader:
    """What a file of gzip, bzip2, xz, lzma or zstd holds; any other file is returned as it is.

    Raises ValueError for zstd where Python cannot read it. Reading raises EOFError, OSError,
    zlib.error, lzma.LZMAError or ZstdError for a file that is damaged, and for one that has
    something else behind its compressed streams.
    """
    head = file.peek(512)
    if head.startswith(b"\x1f\x8b\x08"):
        return io.BufferedReader(gzip.GzipFile(fileobj=file, mode="rb"), BUFFER)
    new = _decompressor(head)
    return file if new is None else io.BufferedReader(Streams(file, new), BUFFER)


def _decompressor(head: bytes) -> Callable[[], Any] | None:
    """What makes decompressors for a file that begins so; None if it is not compressed."""
    if _BZIP2.match(head):
        return bz2.BZ2Decompressor
    # A tar file may begin with `]`, too, and with zeros after it.
    if head.startswith(b"\xfd7zXZ\0") or (head[:3] == b"]\0\0" and head[257:262] != b"ustar"):
        return lzma.LZMADecompressor
    if head.startswith(_ZSTD):
        try:
            from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found]
        except ImportError:
            raise ValueError("zstd is read by Python 3.14 and later: unpack it first") from None
        return ZstdDecompressor  # type: ignore[no-any-return]
    return None


class Streams(io.RawIOBase):
    """The content of compressed streams that follow each other in a file.

    file: at the beginning of the first. new: makes a decompressor such as `bz2.BZ2Decompressor`.
    Seeking backward begins anew.
    """

    def __init__(self, file: io.BufferedReader, new: Callable[[], Any]) -> None:
        self._file = file
        self._new = new
        self._decompressor = new()
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte of the content, or to its end if there are fewer."""
        if whence == os.SEEK_CUR:
            offset += self._place
        elif whence != os.SEEK_SET:
            raise io.UnsupportedOperation("the content's size is not known")
        if offset < self._place:
            self._file.seek(0)
            self._decompressor = self._new()
            self._place = 0
        buffer = bytearray(BUFFER)
        while self._place < offset:
            wanted = min(BUFFER, offset - self._place)
            if not self.readinto(memoryview(buffer)[:wanted]):
                break
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        while size:
            if self._decompressor.eof:
                following = self._decompressor.unused_data.lstrip(b"\0")
                while not following:
                    raw = self._file.read(BUFFER)
                    if not raw:
                        return b""
                    following = raw.lstrip(b"\0")
                self._decompressor = self._new()
            elif self._decompressor.needs_input:
                following = self._file.read(BUFFER)
                if not following:
                    raise EOFError("the compressed file ends early")
            else:
                following = b""
            data: bytes = self._decompressor.decompress(following, size)
            if data:
                return data
        return b""
