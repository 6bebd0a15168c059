"""Load shared libraries with C symbols, which setup.py builds beside their sources.

The libraries do not use Python's API, so one file works with every version of Python. If a library
is missing or cannot be loaded, `load` returns the reason, and numpy does the work more slowly.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIX = ".dll" if sys.platform == "win32" else ".so"  # as setup.py names what it builds
NOTE = ".txt"  # suffix of the file in which setup.py writes why it did not build a library


class Loaded(NamedTuple):
    """A library, or None and the reason why it could not be loaded."""

    library: ctypes.CDLL | None
    why: str  # one line; "" if the library was loaded


def load(stem: Path, symbols: Sequence[str] = ()) -> Loaded:
    """Load the shared library at `stem` plus the platform's suffix; it must have all symbols.

    Calls through a CDLL release Python's global lock. If the library is missing, cannot be loaded
    or lacks a symbol, the result has the reason; no error is raised.
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
    """The text that setup.py wrote there, in one line; "" if there is none."""
    try:
        return " ".join(path.read_text(encoding="utf-8").split())
    except OSError:
        return ""
