"""Reading compressed files to their last byte.

A file may hold several compressed streams, with zeros between them. Python's readers of bzip2, xz
and zstd silently ignore data after a stream that is not another stream.
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

BUFFER = 1 << 18  # bytes per read

_BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
_ZSTD = b"\x28\xb5\x2f\xfd"


def decompressed(file: io.BufferedReader) -> io.BufferedReader:
    """The decompressed content of a gzip, bzip2, xz, lzma or zstd file; any other file unchanged.

    Raises ValueError for zstd if this version of Python cannot read it. Reading raises EOFError,
    OSError, zlib.error, lzma.LZMAError or ZstdError for a file that is damaged or has other data
    after its compressed streams.
    """
    head = file.peek(512)
    if head.startswith(b"\x1f\x8b\x08"):
        return io.BufferedReader(gzip.GzipFile(fileobj=file, mode="rb"), BUFFER)
    new = _decompressor(head)
    return file if new is None else io.BufferedReader(Streams(file, new), BUFFER)


def _decompressor(head: bytes) -> Callable[[], Any] | None:
    """The class of decompressor for a file that begins with `head`; None if not compressed."""
    if _BZIP2.match(head):
        return bz2.BZ2Decompressor
    # The name of a tar file's first member may also be `]`, followed by zeros.
    if head.startswith(b"\xfd7zXZ\0") or (head[:3] == b"]\0\0" and head[257:262] != b"ustar"):
        return lzma.LZMADecompressor
    if head.startswith(_ZSTD):
        try:
            from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found]
        except ImportError:
            raise ValueError("reading zstd needs Python 3.14 or later: unpack it first") from None
        return ZstdDecompressor  # type: ignore[no-any-return]
    return None


class Streams(io.RawIOBase):
    """The decompressed content of consecutive compressed streams in a file.

    file: positioned at its beginning, where the first stream starts. new: creates a decompressor,
    such as `bz2.BZ2Decompressor`. Seeking backward decompresses again from the beginning.
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
        """Go to a byte of the content, or to its end if it is shorter."""
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
        """Up to `size` bytes of content; b"" at the end."""
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
