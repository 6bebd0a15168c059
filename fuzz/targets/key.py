"""Key files: `Key.load`."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from fuzz import scratch
from fuzz.target import Target
from stc.errors import KeyFileError
from stc.protection import Key

HEAD = b"STC protection key 1\n"


def answer(data: bytes) -> Any:
    """The key's pseudorandom stream for a context."""
    return Key.load(scratch.file(data, "key")).stream(b"fuzz", 8)


def repair(data: bytes, draw: random.Random) -> bytes:
    """The first line, 32 bytes and their checksum; in one of four, followed by input bytes."""
    secret = data[len(HEAD) :][:32].ljust(32, b"\0")
    check = hashlib.sha256(HEAD + secret).digest()[:4]
    return (
        HEAD
        + (secret + check).hex().encode()
        + data[len(HEAD) + 32 :][:2] * (draw.random() < 1 / 4)
    )


def seeds() -> dict[str, bytes]:
    """A key with and without the last newline, and in upper case."""
    key = repair(HEAD + bytes(range(32)), random.Random(0))  # noqa: S311
    return {
        "key": key + b"\n",
        "no-newline": key,
        "capitals": HEAD + key[len(HEAD) :].upper(),
        "empty": b"",
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(KeyFileError,),
    parsers=("stc.protection.key",),
    repair=repair,
    max_len=160,
)
