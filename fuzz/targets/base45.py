"""Base45 text, as scanners and editors output it."""

from __future__ import annotations

import random
from typing import Any

from fuzz.small_model import random_file, small_codec
from fuzz.target import Target
from fuzz.targets import decode
from stc.carriers.text import from_text, to_text


def answer(data: bytes) -> Any:
    """The file in the text, decoded with a header and bare; encoded again it must be the same."""
    found = from_text(data)
    if found is not None:
        again = from_text(to_text(found).encode())
        assert again == found, again  # noqa: S101
    return found, from_text(data, bare=True)


def repair(data: bytes, draw: random.Random) -> bytes:
    """In one of two inputs, the text of a valid file between the input's first and last bytes."""
    if draw.random() < 1 / 2:
        return data
    before, after = data[: draw.randrange(4)], data[len(data) - draw.randrange(4) :]
    file = decode.shortest(decode.repair(data[:40].ljust(8, b"\1"), draw))
    text = to_text(file)
    return before + (text.lower() if draw.random() < 1 / 2 else text).encode() + after


def seeds() -> dict[str, bytes]:
    """Text as printed, in lower case, with the changes of scanners and editors, and other text."""
    text = to_text(random_file(small_codec(), 9, 9))
    bare = to_text(random_file(small_codec(), 9, 9, bare=True) * 3)
    return {
        "text": text.encode(),
        "small": text.lower().encode() + b"\r\n",
        "scanner": b"]Q1" + text.encode() + b"\n",
        "editor": text.encode("utf-16"),
        "quotes": b'"' + text.encode() + b'"',
        "bare": bare.encode(),
        "other": b"HELLO WORLD",
        "empty": b"",
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(),
    parsers=("stc.carriers.text",),
    repair=repair,
    max_len=256,
)
