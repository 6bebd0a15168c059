"""Shrinking an input that fails, so that it fails in the same way."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from fuzz.checking import check
from fuzz.target import Target


def failure(target: Target, data: bytes) -> tuple[str, str] | None:
    """The type of an input's error and its last line in a folder stc, or None if it passes."""
    try:
        check(target, data)
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/stc/" in f.filename]
        return type(error).__name__, f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return None


def shrink(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Remove pieces of an input, then zero bytes, while `fails` is true -> the smaller input."""
    size = len(data) // 2
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if fails(shorter):
                data = shorter
            else:
                start += size
        size //= 2
    for place, byte in enumerate(data):
        zeroed = data[:place] + b"\0" + data[place + 1 :]
        if byte and fails(zeroed):
            data = zeroed
    return data
