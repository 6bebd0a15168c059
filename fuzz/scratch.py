"""Files for parsers that read from a path."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """A folder of this process, which `fuzz.running` puts into memory."""
    made = tempfile.mkdtemp(prefix="stc-fuzz-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def file(data: bytes, name: str) -> Path:
    """A file of mode 0600 with these bytes, in place of the last one of this name."""
    path = folder() / name
    if not path.exists():
        path.touch(0o600)
    path.write_bytes(data)
    return path
