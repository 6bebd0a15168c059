"""NFC tags: how much of their memory is left for a .stc file, and what that memory then holds.

A type 2 tag (NFC Forum T2T) holds TLV blocks: type, length, value. One of type 03 has the NDEF
message, one of type FE ends the list. The message is a single record with a media type:

    header  type length  payload length  type                      payload
    1       1            1 or 4          application/vnd.stc-face  the .stc file

A length below 255 takes one byte in a TLV block, a longer one three; a payload of up to 255 bytes
takes a short record.
"""

from __future__ import annotations

from stc.bitstream import MEDIA_TYPE
from stc.errors import BudgetError, CorruptError, TruncatedError

# Bytes of user memory (NXP NTAG213/215/216 data sheet).
TAGS = {"ntag213": 144, "ntag215": 504, "ntag216": 888}

_NULL, _MESSAGE, _END = 0x00, 0x03, 0xFE
_WHOLE = 0xC0  # message begin and message end: the only record
_SHORT = 0x10
_MEDIA = 0x02  # the type is a media type, RFC 2046
_FLAGS = 0xFF & ~_SHORT


def capacity(tag: str) -> int:
    """Bytes of the largest .stc file that a tag holds. Raises ValueError for an unknown tag."""
    if tag not in TAGS:
        raise ValueError(f"no tag {tag!r}; known are {', '.join(TAGS)}")
    memory = TAGS[tag]
    # Longer lengths of record and block cost bytes, so the overhead depends on the size.
    return next(size for size in range(memory, 0, -1) if size + overhead(size) <= memory)


def overhead(size: int) -> int:
    """Bytes of user memory beside a file of so many bytes."""
    record = 2 + (1 if size <= 255 else 4) + len(MEDIA_TYPE)
    block = 2 if record + size < 255 else 4
    return block + record + 1  # and the end


def message(data: bytes) -> bytes:
    """The NDEF message of a .stc file, as phones and tag writers take it."""
    short = len(data) <= 255
    length = bytes([len(data)]) if short else len(data).to_bytes(4, "big")
    header = bytes([_WHOLE | _MEDIA | (_SHORT if short else 0), len(MEDIA_TYPE)])
    return header + length + MEDIA_TYPE.encode() + data


def memory(data: bytes, tag: str) -> bytes:
    """The user memory of a tag, from its first page on, without the unused rest.

    Raises BudgetError if the file does not fit.
    """
    if len(data) > capacity(tag):
        raise BudgetError(f"{len(data)} bytes: a tag {tag} holds {capacity(tag)}")
    inner = message(data)
    long = len(inner) >= 255
    length = b"\xff" + len(inner).to_bytes(2, "big") if long else bytes([len(inner)])
    return bytes([_MESSAGE]) + length + inner + bytes([_END])


def read(dump: bytes) -> bytes:
    """The .stc file in a tag's user memory, whatever blocks stand before it. Raises FormatError."""
    at = 0
    while True:
        kind, at = _take(dump, at, 1)
        if kind == bytes([_NULL]):
            continue
        if kind == bytes([_END]):
            raise CorruptError("the tag holds no NDEF message")
        length, at = _take(dump, at, 1)
        if length == b"\xff":
            length, at = _take(dump, at, 2)
        value, at = _take(dump, at, int.from_bytes(length, "big"))
        if kind == bytes([_MESSAGE]):
            return _payload(value)


def _payload(inner: bytes) -> bytes:
    header, at = _take(inner, 0, 2)
    if header[0] & _FLAGS != _WHOLE | _MEDIA:
        raise CorruptError("the tag's NDEF message is not one record with a media type")
    length, at = _take(inner, at, 1 if header[0] & _SHORT else 4)
    name, at = _take(inner, at, header[1])
    if name != MEDIA_TYPE.encode():
        raise CorruptError(f"the tag holds {name!r}, not {MEDIA_TYPE}")
    data, at = _take(inner, at, int.from_bytes(length, "big"))
    if at != len(inner):
        raise CorruptError("the tag's NDEF message goes on after its record")
    return data


def _take(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    if at + count > len(data):
        raise TruncatedError("the tag's memory ends inside its NDEF message")
    return data[at : at + count], at + count
