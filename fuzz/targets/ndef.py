"""NFC tags and NDEF messages."""

from __future__ import annotations

from typing import Any

from fuzz.target import Target
from stc.carriers import ndef
from stc.errors import FormatError


def answer(data: bytes) -> Any:
    """The file in the tag, which must be the same after it is written and read again."""
    found = ndef.read(data)
    assert len(found) <= len(data)  # noqa: S101
    assert ndef.read(ndef.message(found)) == found, found.hex()  # noqa: S101
    return found


def seeds() -> dict[str, bytes]:
    """A short and a long record, blocks before a record, two records, text, a bare message."""
    short, long = ndef.memory(b"\xfa\xc1abcd", "ntag213"), ndef.memory(bytes(300), "ntag215")
    record = ndef.message(b"\xfa\xc1")
    text = b"\xd1\x01\x05T\x02enhi"  # a record of text that is the only one
    both = b"\x91" + text[1:] + bytes([record[0] & 0x7F]) + record[1:]
    return {
        "short": short,
        "long": long,
        "before": b"\0\0\x01\x03\xa0\x10\x44" + short,
        "two-records": b"\x03" + bytes([len(both)]) + both + b"\xfe",
        "text": b"\x03" + bytes([len(text)]) + text + b"\xfe",
        "message": record,
        "end": b"\xfe",
        "empty": b"",
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError,),
    parsers=("stc.carriers.ndef",),
    max_len=512,
)
