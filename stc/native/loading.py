"""Shared libraries of plain C symbols, built beside their sources by setup.py.

They know nothing of Python, so one file serves every version of it, and a library that is missing
or will not load costs speed only: `load` says why, and numpy does the work.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIX = ".dll" if sys.platform == "win32" else ".so"  # as setup.py names what it builds
NOTE = ".txt"  # of the file in which setup.py writes why it did not build a library


class Loaded(NamedTuple):
    """A library, or None and the reason."""

    library: ctypes.CDLL | None
    why: str  # one line; "" if the library is there


def load(stem: Path, symbols: Sequence[str] = ()) -> Loaded:
    """The shared library at `stem` plus the platform's suffix, with all of these symbols.

    Calls through a CDLL release Python's lock. Never raises for a library that cannot be had.
    """
    path = stem.with_name(stem.name + SUFFIX)
    if not path.is_file():
        return Loaded(None, _note(path.with_suffix(NOTE)) or f"{path.name} was not built")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return Loaded(None, f"{path.name} cannot be loaded: {error}")
    for symbol in symbols:
        if not hasattr(library, symbol):
            return Loaded(None, f"{path.name} has no {symbol}: it was built from other sources")
    return Loaded(library, "")


def _note(path: Path) -> str:
    """What setup.py left there, in one line; "" if nothing."""
    try:
        return " ".join(path.read_text(encoding="utf-8").split())
    except OSError:
        return ""
