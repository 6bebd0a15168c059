"""Arrays kept in files, so that a run that was broken off goes on where it was."""

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
    """A folder of .npz files; a file's name is a digest of all that its content depends on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, *key: str) -> Arrays:
        """What is known under a key: {} if nothing, or nothing sound."""
        try:
            # Opened here, since of a broken file numpy would leave the handle open.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}

    def write(self, arrays: Arrays, *key: str) -> None:
        """Keep arrays under a key; the file is there whole or not at all."""
        path = self._path(key)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.npz")
        np.savez(partial, allow_pickle=False, **arrays)
        partial.replace(path)

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / f"{digest(*key)}.npz"


def digest(*parts: str | bytes) -> str:
    """A short digest of texts or bytes, in their order."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()[:32]
