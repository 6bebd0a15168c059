"""Record ids, the public names of records: text, bytes or integers, and their encoding as bytes."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from stc.errors import TemplateError

RecordId = str | bytes | int
MAX_ID = 64  # bytes
# A name, the encoding of a record id: one letter for its type, then its bytes.
_TEXT, _BYTES, _NUMBER = b"s", b"b", b"i"


def id_to_name(record_id: RecordId) -> bytes:
    """A record id as bytes, the first of which is its type.

    Raises TemplateError for another type, a negative integer, text that is not valid Unicode, and
    for fewer than 1 or more than 64 bytes.
    """
    if isinstance(record_id, str):
        try:
            kind, data = _TEXT, record_id.encode()
        except UnicodeEncodeError:
            raise TemplateError("a record id cannot be encoded in UTF-8") from None
    elif isinstance(record_id, bytes):
        kind, data = _BYTES, record_id
    else:
        try:
            number = operator.index(record_id)
            kind, data = _NUMBER, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
        except (TypeError, OverflowError):
            raise TemplateError(
                "a record id must be text, bytes or an integer that is not negative"
            ) from None
    if not 1 <= len(data) <= MAX_ID:
        raise TemplateError(f"a record id has 1 to {MAX_ID} bytes, this has {len(data)}")
    return kind + data


def name_to_id(name: bytes) -> RecordId:
    """The inverse of `id_to_name`.

    Raises ValueError or TemplateError for bytes that `id_to_name` never returns.
    """
    kind, data = name[:1], name[1:]
    record_id: RecordId
    if kind == _TEXT:
        record_id = data.decode()
    elif kind == _BYTES:
        record_id = data
    elif kind == _NUMBER:
        record_id = int.from_bytes(data, "big")
    else:
        raise ValueError(f"no record id has type {kind!r}")
    if not data or id_to_name(record_id) != name:
        raise ValueError("the record id is not in its shortest form")
    return record_id


def label_of(record_id: RecordId) -> str:
    """The record id as printable text: unprintable characters are escaped, bytes are written in
    hex after 0x."""
    if isinstance(record_id, bytes):
        return f"0x{record_id.hex()}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(record_id))


def check_ids(ids: Sequence[RecordId], count: int) -> list[bytes]:
    """The names of `count` distinct record ids.

    Raises TemplateError for another number of ids, ids that are not valid, and duplicates.
    """
    if len(ids) != count:
        raise TemplateError(f"{count} templates need {count} record ids, not {len(ids)}")
    names = [id_to_name(one) for one in ids]
    if len(set(names)) != count:
        raise TemplateError("two templates have the same record id: they would share their noise")
    return names
