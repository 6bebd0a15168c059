"""Record ids: public names of records, of three types, and the bytes that stand for them."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from stc.errors import TemplateError

RecordId = str | bytes | int
MAX_ID = 64  # bytes
# How a record id stands in a name: one letter for its type, then its bytes.
_TEXT, _BYTES, _NUMBER = b"s", b"b", b"i"


def id_to_name(record_id: RecordId) -> bytes:
    """A record id as bytes that begin with its type. Raises TemplateError."""
    if isinstance(record_id, str):
        try:
            kind, data = _TEXT, record_id.encode()
        except UnicodeEncodeError:
            raise TemplateError("a record id is text that UTF-8 can express") from None
    elif isinstance(record_id, bytes):
        kind, data = _BYTES, record_id
    else:
        try:
            number = operator.index(record_id)
            kind, data = _NUMBER, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
        except (TypeError, OverflowError):
            raise TemplateError(
                "a record id is text, bytes or a whole number that is not negative"
            ) from None
    if not 1 <= len(data) <= MAX_ID:
        raise TemplateError(f"a record id has 1 to {MAX_ID} bytes, this has {len(data)}")
    return kind + data


def name_to_id(name: bytes) -> RecordId:
    """The inverse of `id_to_name`. Raises ValueError for bytes that it never gives."""
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
    """The record id for people to read: of text, what cannot be printed is escaped; bytes begin
    with 0x."""
    if isinstance(record_id, bytes):
        return f"0x{record_id.hex()}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(record_id))


def check_ids(ids: Sequence[RecordId], count: int) -> list[bytes]:
    """Names of so many record ids, no two alike. Raises TemplateError."""
    if len(ids) != count:
        raise TemplateError(f"{count} templates need as many record ids, there are {len(ids)}")
    names = [id_to_name(one) for one in ids]
    if len(set(names)) != count:
        raise TemplateError("two templates have one record id: they would share their noise")
    return names
