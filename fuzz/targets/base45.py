"""Base45 text, as scanners and editors hand it on."""

from __future__ import annotations

import random
from typing import Any

from fuzz.small_model import random_file, small_codec
from fuzz.target import Target
from fuzz.targets import decode
from stc.carriers.text import from_text, to_text


def answer(data: bytes) -> Any:
    """The file behind the text, with a header and bare; written again it reads the same."""
    found = from_text(data)
    if found is not None:
        again = from_text(to_text(found).encode())
        assert again == found, again  # noqa: S101
    return found, from_text(data, bare=True)


def repair(data: bytes, draw: random.Random) -> bytes:
    """The text of a sound file between what stands before and behind the input's letters."""
    if draw.random() < 1 / 2:
        return data
    before, after = data[: draw.randrange(4)], data[len(data) - draw.randrange(4) :]
    file = decode.shortest(decode.repair(data[:40].ljust(8, b"\1"), draw))
    text = to_text(file)
    return before + (text.lower() if draw.random() < 1 / 2 else text).encode() + after


def seeds() -> dict[str, bytes]:
    """Text as it is printed, in small letters, as a scanner and an editor give it, and other."""
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
