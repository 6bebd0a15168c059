"""Bytes of an unknown carrier: a file, text, a tag's memory or a picture."""

from __future__ import annotations

import random
from typing import Any

from fuzz.target import Target
from fuzz.targets import base45, decode, ndef, qr
from stc.carriers.reading import read_carried
from stc.errors import FormatError, ImageError


def answer(data: bytes) -> Any:
    """The file in the data: one with a header or, if there is none, a bare one."""
    if qr.is_slow(data):
        return None
    try:
        return read_carried(data)
    except FormatError:
        return read_carried(data, bare=True)


def repair(data: bytes, draw: random.Random) -> bytes:
    """Apply the `repair` of a random carrier: a .stc file's, Base45 text's or a picture's."""
    return draw.choice((decode.repair, base45.repair, qr.repair))(data, draw)


def seeds() -> dict[str, bytes]:
    """One or two inputs for every carrier."""
    tags, texts, files = ndef.seeds(), base45.seeds(), decode.seeds()
    return {
        "file": files["small-9"],
        "tag": tags["short"],
        "tag-digits": tags["before"].hex(" ").encode(),
        "message": tags["message"],
        "two-records": tags["two-records"],
        "text": texts["scanner"],
        "bare-text": texts["bare"],
        "picture": qr.seeds()["png"],
        "empty": b"",
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError, ImageError),
    parsers=("stc.carriers.reading", "stc.carriers.ndef", "stc.carriers.text"),
    repair=repair,
    max_len=512,
    memory=1024,
)
