"""The file of an index (.stg), byte by byte. docs/protection-format.md has the tables.

Header, records as they are, then sections that only the key opens: encrypted with the stream of
SHAKE-256 that the key gives the section, and authenticated by HMAC-SHA-256 of what is stored.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from stc.errors import (
    BadMagicError,
    CorruptError,
    TruncatedError,
    UnsupportedVersionError,
    WrongKeyError,
)
from stc.protection.key import Key
from stc.protection.sketch import MAX_CELLS
from stc.protection.stream import STEPS, Parameters
from stc.protection.template import is_sound_shape

MAGIC = b"STCg"
VERSION = 1
NONCE = 16  # bytes, drawn for every index: no two share a key stream
CHECK = 32  # bytes of HMAC-SHA-256
BLOCK = 4096  # records a section
MAX_COUNT = 1 << 26  # records: their lengths and scores take six bytes of memory each
MAX_RECORD = 1 << 15  # bytes
HEADER, AXES, FIRST_BLOCK = 0, 1, 2  # numbers of sections
_HEADER = struct.Struct("<4sB4sHHHHHIQ16s")  # little-endian, and 47 bytes
_CIPHER = b"stc.protection index 1 cipher"
_CHECK = b"stc.protection index 1 check"
LEAST = _HEADER.size + CHECK


@dataclass(frozen=True)
class Header:
    """parameters: of all records. dimensions: of a sketch. count: of records. size: their bytes."""

    parameters: Parameters
    dimensions: int
    count: int
    size: int
    nonce: bytes

    @property
    def cells(self) -> int:
        """Dimensions of a record."""
        return self.parameters.groups * self.parameters.size

    @property
    def axes_at(self) -> int:
        """Where the section of the axes begins."""
        return LEAST + self.size

    @property
    def blocks_at(self) -> int:
        """Where the first block of sketches begins."""
        return self.axes_at + 4 * self.dimensions * (self.cells + 1) + CHECK

    @property
    def end(self) -> int:
        """The length of the whole file."""
        blocks = -(-self.count // BLOCK)
        return self.blocks_at + self.count * (2 + self.dimensions) + blocks * CHECK


def pack_header(header: Header, key: Key) -> bytes:
    """The header and its check."""
    one = header.parameters
    data = _HEADER.pack(
        MAGIC,
        VERSION,
        one.maker,
        one.groups,
        one.size,
        one.kept,
        one.steps,
        header.dimensions,
        header.count,
        header.size,
        header.nonce,
    )
    return data + _check(key, header.nonce, HEADER, data)


def read_header(file: BinaryIO, length: int, key: Key) -> Header:
    """The header of a file of `length` bytes, open at its start.

    Raises FormatError; WrongKeyError if the key is not the one that the index was made with.
    """
    data = file.read(LEAST)
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise BadMagicError("not an index of protected templates: it does not begin with STCg")
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise UnsupportedVersionError(
            f"version {data[len(MAGIC)]} is unknown: this release reads version {VERSION}"
        )
    if len(data) < LEAST:
        raise TruncatedError(f"{len(data)} bytes are less than the header's {LEAST}")
    _, _, maker, groups, size, kept, steps, dimensions, count, total, nonce = _HEADER.unpack_from(
        data
    )
    sound = is_sound_shape(groups, size) and 2 <= kept <= size and steps <= STEPS
    cells = groups * size
    if not (sound and cells <= MAX_CELLS and 1 <= dimensions <= cells and 1 <= count <= MAX_COUNT):
        raise CorruptError("the header's numbers are none that an index can have")
    header = Header(Parameters(groups, size, kept, steps, maker), dimensions, count, total, nonce)
    if length < header.end:
        raise TruncatedError(f"{length} bytes of {header.end} are there")
    if length > header.end:
        raise CorruptError(f"{length - header.end} bytes follow the index")
    check = _check(key, nonce, HEADER, data[: _HEADER.size])
    if not hmac.compare_digest(check, data[_HEADER.size :]):
        raise WrongKeyError("the index was not made with this key, or its header was changed")
    return header


def seal(key: Key, nonce: bytes, section: int, plain: bytes, public: bytes = b"") -> bytes:
    """A section: what is public of it, the rest encrypted, and the check of both."""
    body = public + _crypt(key, nonce, section, plain)
    return body + _check(key, nonce, section, body)


def unseal(
    key: Key, nonce: bytes, section: int, data: bytes, public: int = 0
) -> tuple[bytes, bytes]:
    """The inverse of `seal`: the public bytes, and the others in the clear. Raises CorruptError."""
    body, check = data[:-CHECK], data[-CHECK:]
    if not hmac.compare_digest(_check(key, nonce, section, body), check):
        raise CorruptError(f"section {section} of the index was changed")
    return body[:public], _crypt(key, nonce, section, body[public:])


def _crypt(key: Key, nonce: bytes, section: int, data: bytes) -> bytes:
    """Encrypt or decrypt: exclusive or with a stream that no other section has."""
    stream = key.stream(_CIPHER + nonce + struct.pack("<I", section), len(data))
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _check(key: Key, nonce: bytes, section: int, body: bytes) -> bytes:
    own = key.stream(_CHECK + nonce + struct.pack("<I", section), CHECK)
    return hmac.digest(own, body, "sha256")
