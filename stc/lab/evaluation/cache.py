"""A cache of arrays in files, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


class Cache:
    """A folder of .npz files; a file's name is a digest of all inputs that its content depends on.

    The folder is created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, *key: str) -> Arrays:
        """The arrays stored under a key; {} if there are none, or their file is damaged."""
        try:
            # Opened here, because numpy does not close the handle of a damaged file.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}

    def write(self, arrays: Arrays, *key: str) -> None:
        """Store arrays under a key, atomically: no reader sees an incomplete file."""
        path = self._path(key)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.npz")
        # Without `allow_pickle`: before numpy 2.1 it would be stored as one more array.
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.replace(path)

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / f"{digest(*key)}.npz"


def digest(*parts: str | bytes) -> str:
    """The first 32 hex digits of the SHA-256 of texts or bytes, in their order."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()[:32]
