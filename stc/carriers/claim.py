"""Recognises a signed identity claim (Claim 169): Base45 text of a compressed CBOR Web Token.

STC does not verify claims; examples/claim169.py shows how. They are recognised for error messages.
"""

from __future__ import annotations

import zlib

from stc.carriers.text import ALPHABET, letters_of
from stc.errors import BadMagicError

# The first bytes of a signed CBOR Web Token: the tag 61 (RFC 8392), which may be left out, the tag
# 18 of a message with one signature, and its array of four (RFC 9052).
_TOKENS = (b"\xd8\x3d\xd2\x84", b"\xd2\x84")
_BYTES = 400  # compressed, that are decompressed: enough for the tables before the first byte


def is_claim(data: bytes) -> bool:
    """Whether data are a signed CBOR Web Token: compressed with zlib, or also as Base45 text.

    Only the beginning is decoded. Needs no library of the extra `qr`.
    """
    return _is_token(data) or _is_token(_decoded(letters_of(data)[: 2 * _BYTES]))


def claim_error(what: str) -> BadMagicError:
    """The error for a claim in place of a .stc file; `what` is that which holds it."""
    return BadMagicError(
        f"{what} holds a signed identity claim (a CBOR Web Token, as of Claim 169), not a .stc "
        "file: examples/claim169.py verifies the signature and extracts the face, see Claim 169 in "
        "docs/qr.md"
    )


def _is_token(data: bytes) -> bool:
    try:
        return zlib.decompressobj().decompress(data[:_BYTES], 8).startswith(_TOKENS)
    except zlib.error:
        return False


def _decoded(letters: str) -> bytes:
    """Decode Base45 (RFC 9285) up to the first letters that no bytes have."""
    found = bytearray()
    for start in range(0, len(letters) - 2, 3):
        low, middle, high = map(ALPHABET.index, letters[start : start + 3])
        number = low + 45 * middle + 2025 * high
        if number > 0xFFFF:
            break
        found += number.to_bytes(2, "big")
    return bytes(found)
