"""The binary format of an index file (.stg), specified in docs/protection-format.md.

Header, records unchanged, then encrypted sections: each is XORed with a SHAKE-256 stream derived
from the key and the section's number, and authenticated by HMAC-SHA-256 of the stored bytes.
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
NONCE = 16  # bytes, random for every index so that no two share a key stream
CHECK = 32  # bytes of HMAC-SHA-256
BLOCK = 4096  # records per section of sketches
MAX_COUNT = 1 << 26  # records: the lengths and scores of a search take six bytes of memory each
MAX_RECORD = 1 << 15  # bytes
MAX_AXIS = 1000.0  # value of an axis or a step; real ones are below 3, larger ones may overflow
HEADER, AXES, FIRST_BLOCK = 0, 1, 2  # numbers of sections
_HEADER = struct.Struct("<4sB4sHHHHHIQ16s")  # little-endian, 47 bytes
_CIPHER = b"stc.protection index 1 cipher"
_CHECK = b"stc.protection index 1 check"
MIN_FILE = _HEADER.size + CHECK  # bytes of the header and its check; the records follow


@dataclass(frozen=True)
class Header:
    """The fields of a header. parameters: of all records. dimensions: of a sketch. count: number of
    records. size: bytes of all records. nonce: 16 random bytes."""

    parameters: Parameters
    dimensions: int
    count: int
    size: int
    nonce: bytes

    @property
    def cells(self) -> int:
        """Dimensions of all groups of a record together."""
        return self.parameters.groups * self.parameters.size

    @property
    def axes_at(self) -> int:
        """The offset of the section of the axes."""
        return MIN_FILE + self.size

    @property
    def blocks_at(self) -> int:
        """The offset of the first section of sketches."""
        return self.axes_at + 4 * self.dimensions * (self.cells + 1) + CHECK

    @property
    def end(self) -> int:
        """The length of the whole file in bytes."""
        blocks = -(-self.count // BLOCK)
        return self.blocks_at + self.count * (2 + self.dimensions) + blocks * CHECK


def pack_header(header: Header, key: Key) -> bytes:
    """The stored bytes of a header: its fields and its check."""
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
    """Read the header of a file of `length` bytes, positioned at its start.

    Raises FormatError for a wrong header or length; WrongKeyError if the index was made with
    another key.
    """
    data = file.read(MIN_FILE)
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise BadMagicError("not an index of protected templates: it does not begin with STCg")
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise UnsupportedVersionError(
            f"version {data[len(MAGIC)]} is unknown: this release reads version {VERSION}"
        )
    if len(data) < MIN_FILE:
        raise TruncatedError(f"{len(data)} bytes are less than the header's {MIN_FILE}")
    _, _, maker, groups, size, kept, steps, dimensions, count, total, nonce = _HEADER.unpack_from(
        data
    )
    sound = is_sound_shape(groups, size) and 2 <= kept <= size and steps <= STEPS
    cells = groups * size
    if not (sound and cells <= MAX_CELLS and 1 <= dimensions <= cells and 1 <= count <= MAX_COUNT):
        raise CorruptError("the header has values that no index can have")
    header = Header(Parameters(groups, size, kept, steps, maker), dimensions, count, total, nonce)
    if length < header.end:
        raise TruncatedError(f"the index has {header.end} bytes, only {length} are present")
    if length > header.end:
        raise CorruptError(f"{length - header.end} bytes follow the index")
    check = _check(key, nonce, HEADER, data[: _HEADER.size])
    if not hmac.compare_digest(check, data[_HEADER.size :]):
        raise WrongKeyError("the index was not made with this key, or its header was changed")
    return header


def seal(key: Key, nonce: bytes, section: int, plain: bytes, public: bytes = b"") -> bytes:
    """A section's stored bytes: `public` unchanged, `plain` encrypted, and the check of both."""
    body = public + _crypt(key, nonce, section, plain)
    return body + _check(key, nonce, section, body)


def unseal(
    key: Key, nonce: bytes, section: int, data: bytes, public: int = 0
) -> tuple[bytes, bytes]:
    """The inverse of `seal`: the first `public` bytes, and the others decrypted.

    Raises CorruptError if the check does not match.
    """
    body, check = data[:-CHECK], data[-CHECK:]
    if not hmac.compare_digest(_check(key, nonce, section, body), check):
        raise CorruptError(f"section {section} of the index was changed")
    return body[:public], _crypt(key, nonce, section, body[public:])


def _crypt(key: Key, nonce: bytes, section: int, data: bytes) -> bytes:
    """Encrypt or decrypt: XOR with a stream that is different for every section and index."""
    stream = key.stream(_CIPHER + nonce + struct.pack("<I", section), len(data))
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _check(key: Key, nonce: bytes, section: int, body: bytes) -> bytes:
    own = key.stream(_CHECK + nonce + struct.pack("<I", section), CHECK)
    return hmac.digest(own, body, "sha256")
