"""Header and checksum of a .stc file, around its payload: see conformance/format.md."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass, field

from stc.errors import BadMagicError, CorruptError, TruncatedError, UnsupportedVersionError

VERSION = 1
MEDIA_TYPE = "application/vnd.stc-face"
# No .stc file is this long. Only this much of a longer input is read, which fails the checksum.
MAX_BYTES = 1 << 16
FIXED = 6  # bytes of magic and version, model, checksum
MAX_TOKENS = (1 << 15) - 1  # the token count has 15 bits
_MAGIC = 0xFAC
_START = (_MAGIC << 4 | VERSION).to_bytes(2, "big")


@dataclass(frozen=True)
class Header:
    """The fields of a file that can be read without its model."""

    version: int
    fingerprint: bytes  # the first two bytes of the model's fingerprint
    tokens: int
    payload: bytes = field(repr=False)
    overhead: int  # bytes of the file that are not payload


def has_header(data: bytes) -> bool:
    """Whether data begins with the magic of a .stc file, of any version; a bare file never does."""
    return len(data) >= 2 and int.from_bytes(data[:2], "big") >> 4 == _MAGIC


def parse_header(data: bytes) -> Header:
    """Read the header of a complete file, and check all that needs no model. Raises FormatError."""
    if len(data) < 2:
        raise TruncatedError(f"{len(data)} bytes are too few to be a .stc file")
    if not has_header(data):
        raise BadMagicError(f"not a .stc file: it begins with {data[:2].hex()}, not fac1")
    version = data[1] & 15
    if version != VERSION:
        raise UnsupportedVersionError(
            f"format version {version}, this release reads version {VERSION}: update stc"
        )
    if len(data) < FIXED + 1:
        raise TruncatedError(f"{len(data)} bytes are too few for header and checksum")
    if _checksum(data[:-2]) != data[-2:]:
        raise CorruptError(
            "the checksum does not match: the file is damaged or not whole; scan or copy it again"
        )
    tokens, payload = split_count(data[4:-2])
    return Header(VERSION, data[2:4], tokens, payload, len(data) - len(payload))


def seal(fingerprint: bytes, body: bytes) -> bytes:
    """Add magic, fingerprint (2 bytes) and checksum to a body of token count and payload.

    Raises ValueError for a fingerprint of another length.
    """
    if len(fingerprint) != 2:
        raise ValueError(f"a file carries 2 bytes of fingerprint, not {len(fingerprint)}")
    data = _START + fingerprint + body
    return data + _checksum(data)


def join_count(count: int, payload: bytes) -> bytes:
    """Put the token count before the payload: the body of a file, and a complete bare file."""
    head = bytes([count]) if count < 128 else (0x8000 | count).to_bytes(2, "big")
    return head + payload


def overhead(count: int, *, bare: bool = False) -> int:
    """Bytes that a file of `count` tokens has in addition to its payload."""
    return len(join_count(count, b"")) + (0 if bare else FIXED)


def split_count(body: bytes) -> tuple[int, bytes]:
    """Split a body of `join_count` -> token count, at least 1, and payload. Raises FormatError."""
    if not body:
        raise TruncatedError("the file ends before its token count")
    if body[0] < 128:
        count, rest = body[0], body[1:]
    elif len(body) < 2:
        raise TruncatedError("the file ends inside its token count")
    else:
        count, rest = int.from_bytes(body[:2], "big") & 0x7FFF, body[2:]
        if count < 128:
            raise CorruptError(f"the token count {count} is written in two bytes, not one")
    if count == 0:
        raise CorruptError("the file states that it has no tokens")
    return count, bytes(rest)


def _checksum(data: bytes) -> bytes:
    return crc_hqx(data, 0xFFFF).to_bytes(2, "big")
