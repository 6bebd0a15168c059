"""Expansion of braces in file names that no shell has expanded."""

from __future__ import annotations

import re

from stc.errors import DataError

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def expand(pattern: str) -> list[str]:
    """`a-{000..099}.tar` or `{x,y}.tar` -> the names that a shell would expand it to.

    Raises DataError for braces that hold neither a range nor a list.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    if range_ := _RANGE.fullmatch(found[1]):
        first, last = range_.groups()
        width = len(first) if first.startswith("0") else 0
        step = 1 if int(first) <= int(last) else -1
        words = [f"{n:0{width}}" for n in range(int(first), int(last) + step, step)]
    elif "," in found[1]:
        words = found[1].split(",")
    else:
        raise DataError(f"{pattern}: {found[0]} is neither a range {{0..9}} nor a list {{a,b}}")
    head, tail = pattern[: found.start()], pattern[found.end() :]
    return [name for word in words for name in expand(head + word + tail)]
