"""NFC tags: the size of the .stc file that fits, and the content of the tag's memory.

A type 2 tag (NFC Forum T2T) holds TLV blocks: type, length, value. A block of type 03 holds the
NDEF message, one of type FE ends the list. `message` writes a single record with a media type
(sizes in bytes):

    header  type length  payload length  type                      payload
    1       1            1 or 4          application/vnd.stc-face  the .stc file

A length below 255 takes one byte in a TLV block, a longer one three; a payload of up to 255 bytes
takes a short record. `read` also accepts messages of many records, records in chunks, and the
memory of any tag of type 2 or 5, with or without the pages before the user memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from stc.bitstream import MEDIA_TYPE, has_header
from stc.errors import BudgetError, CorruptError, FormatError, SeveralCodesError, TruncatedError

# Bytes of the data area that the capability container of a new tag states (NXP NTAG213/215/216 data
# sheet). The memory of an NTAG215 has 8 bytes more, of an NTAG216 16; phones do not use them.
TAGS = {"ntag213": 144, "ntag215": 496, "ntag216": 872}

_NULL, _MESSAGE, _END = 0x00, 0x03, 0xFE
_LONG = 0xFF  # a length of three bytes follows

# The first byte of a record: flags, and the kind of its type field (TNF).
_BEGIN, _LAST, _CHUNK, _SHORT, _HAS_ID = 0x80, 0x40, 0x20, 0x10, 0x08
_WHOLE = _BEGIN | _LAST  # the only record
_KIND = 0x07
_MEDIA = 0x02  # the type is a media type, RFC 2046
_UNCHANGED = 0x06  # a chunk that goes on with the record before it

# The offset of the first block in a dump, and the distance back to the capability container. Dumps
# start at page 3 of a type 2 tag or block 0 of a type 5 tag, the same with a container of eight
# bytes, at page 0 of a type 2 tag, or at page 0 after the 56-byte header of Proxmark's dumps.
_STARTS = ((4, 4), (8, 8), (16, 4), (72, 4))
_CONTAINER = (0xE1, 0xE2)

MAX_DUMP = 1 << 17  # bytes; no tag has this much memory


def capacity(tag: str) -> int:
    """Size in bytes of the largest .stc file that a tag holds.

    tag: a key of `TAGS`. Raises ValueError for an unknown tag.
    """
    if tag not in TAGS:
        raise ValueError(f"no tag {tag!r}; known are {', '.join(TAGS)}")
    memory = TAGS[tag]
    # Large lengths take more bytes in record and block, so the overhead depends on the size.
    return next(size for size in range(memory, 0, -1) if size + overhead(size) <= memory)


def overhead(size: int) -> int:
    """Bytes of user memory that a file of `size` bytes needs in addition to these."""
    record = 2 + (1 if size <= 255 else 4) + len(MEDIA_TYPE)
    block = 2 if record + size < 255 else 4
    return block + record + 1  # and the end block


def message(data: bytes) -> bytes:
    """Wrap a .stc file into an NDEF message, for phones and tag writers."""
    short = len(data) <= 255
    length = bytes([len(data)]) if short else len(data).to_bytes(4, "big")
    header = bytes([_WHOLE | _MEDIA | (_SHORT if short else 0), len(MEDIA_TYPE)])
    return header + length + MEDIA_TYPE.encode() + data


def memory(data: bytes, tag: str) -> bytes:
    """The content of a tag's user memory that holds a .stc file, without unused bytes at the end.

    tag: a key of `TAGS`. Raises BudgetError if the file does not fit, ValueError for another tag.
    """
    if len(data) > capacity(tag):
        raise BudgetError(f"the file has {len(data)} bytes, a tag {tag} holds {capacity(tag)}")
    inner = message(data)
    long = len(inner) >= 255
    length = b"\xff" + len(inner).to_bytes(2, "big") if long else bytes([len(inner)])
    return bytes([_MESSAGE]) + length + inner + bytes([_END])


def read(dump: bytes) -> bytes:
    """Extract the .stc file from an NDEF message, or from a dump of a tag's memory with one.

    dump: a message; a tag's user memory, from page 4 on; or that memory after its capability
        container, or after all pages before it. Other blocks, messages and records are skipped. Of
        several records of the media type, those with a header are used if there are any, else all:
        a bare file has no header.

    Of the file only the magic is checked. Raises FormatError for damaged data or a dump without a
    file, and SeveralCodesError (a FormatError) for different files.
    """
    if len(dump) > MAX_DUMP:
        raise CorruptError(f"{len(dump)} bytes are not a tag's memory: that has up to {MAX_DUMP}")
    problems: list[FormatError] = []
    for payloads in _readings(dump):
        try:
            return _one(payloads())
        except SeveralCodesError:
            raise
        except FormatError as error:
            problems.append(error)
    raise problems[0]


def _readings(dump: bytes) -> Iterator[Callable[[], list[bytes]]]:
    """Yield parsers of a dump, the most certain first; each returns payloads of the media type."""
    # Messages come first: one that fills the dump to its last byte is no coincidence, while its
    # payload may contain the byte of a capability container at one of the offsets.
    if _begins_message(dump):
        yield partial(_in_message, dump)
    for start, back in _STARTS:
        if start < len(dump) and dump[start - back] in _CONTAINER:
            yield partial(_in_memory, dump[start:])
    length = int.from_bytes(dump[:2], "big")
    if length <= len(dump) - 2 and _begins_message(dump[2:3]):  # the NDEF file of a type 4 tag
        yield partial(_in_message, dump[2 : 2 + length])
    yield partial(_in_memory, dump)


def _begins_message(data: bytes) -> bool:
    """Whether data begins as a message does and a list of blocks does not."""
    return bool(data) and data[0] & (_WHOLE | _CHUNK) in (_BEGIN, _WHOLE, _BEGIN | _CHUNK)


def _in_message(message: bytes) -> list[bytes]:
    """The payload of every record of the media type in an NDEF message. Raises FormatError."""
    found: list[bytes] = []
    chunks: list[bytes] | None = None  # of a record that is not complete yet
    at, flags, wanted = 0, 0, False
    while not flags & _LAST:
        first = at == 0
        (flags, name_length), at = _take(message, at, 2)
        if bool(flags & _BEGIN) != first:
            raise CorruptError("the tag's NDEF message does not begin where it should")
        length, at = _take(message, at, 1 if flags & _SHORT else 4)
        id_length, at = _take(message, at, 1 if flags & _HAS_ID else 0)
        name, at = _take(message, at, name_length)
        _, at = _take(message, at, int.from_bytes(id_length, "big"))
        payload, at = _take(message, at, int.from_bytes(length, "big"))
        if (flags & _KIND == _UNCHANGED) != (chunks is not None):
            raise CorruptError("the tag's NDEF message has a chunk out of place")
        if chunks is None:
            chunks = []
            wanted = flags & _KIND == _MEDIA and name.lower() == MEDIA_TYPE.encode()
        chunks.append(payload)
        if not flags & _CHUNK:
            if wanted:
                found.append(b"".join(chunks))
            chunks = None
    if chunks is not None:
        raise TruncatedError("the tag's NDEF message ends inside a record in chunks")
    if at != len(message):
        raise CorruptError("the tag's NDEF message goes on after its last record")
    return found


def _in_memory(memory: bytes) -> list[bytes]:
    """The media type's payloads in all NDEF messages of a tag's memory. Raises FormatError."""
    found: list[bytes] = []
    at, messages = 0, 0
    while at < len(memory) or not messages:
        try:
            (kind,), at = _take(memory, at, 1)
            if kind == _NULL:
                continue
            if kind == _END:
                break
            (length,), at = _take(memory, at, 1)
            if length == _LONG:
                more, at = _take(memory, at, 2)
                length = int.from_bytes(more, "big")
            value, at = _take(memory, at, length)
        except TruncatedError:
            if found:  # the list of blocks has no end mark: what follows is not a block
                break
            raise
        if kind == _MESSAGE:
            messages += 1
            if value:
                found += _in_message(value)
    if not messages:
        raise CorruptError("the tag holds no NDEF message")
    return found


def _one(found: list[bytes]) -> bytes:
    """The only file among the payloads of the media type. Raises FormatError."""
    files = list(dict.fromkeys(filter(has_header, found))) or list(dict.fromkeys(found))
    if not files:
        raise CorruptError(f"the tag holds no record of media type {MEDIA_TYPE}")
    if len(files) > 1:
        raise SeveralCodesError(f"{len(files)} different faces on the tag: extract one record")
    return files[0]


def _take(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    if at + count > len(data):
        raise TruncatedError("the tag's memory ends inside its NDEF message")
    return data[at : at + count], at + count
