"""Files for parsers that read from a path."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """A temporary folder of this process, in memory if `fuzz.running` started it."""
    made = tempfile.mkdtemp(prefix="stc-fuzz-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def file(data: bytes, name: str) -> Path:
    """Write bytes to a file of mode 0600, replacing an earlier one of this name -> its path."""
    path = folder() / name
    if not path.exists():
        path.touch(0o600)
    path.write_bytes(data)
    return path
