"""The cases of a folder of vectors, read with the standard library alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance import VECTORS

# A decoder may name an error, or one below it in this tree, instead of those above.
PARENTS = {
    "BadMagicError": "FormatError",
    "UnsupportedVersionError": "FormatError",
    "TruncatedError": "FormatError",
    "CorruptError": "FormatError",
    "ModelMissingError": "ModelError",
    "WrongModelError": "ModelError",
    "FormatError": "StcError",
    "ModelError": "StcError",
}

Splice = tuple[int, int, str]  # from this byte on so many are replaced by these, in hexadecimal


@dataclass(frozen=True)
class Case:
    """One file, the model to read it with, and what must come of it: tokens, or an error."""

    name: str
    why: str
    model: Path
    file: Path
    bare: bool
    group: int = 0
    indices: tuple[int, ...] = ()
    error: str = ""
    splices: Sequence[Splice] = ()  # changes of the model's bytes
    planes: Path | None = None  # 6144 floats, little-endian
    detail: Path | None = None  # 128 x 128 x 3 integers of 16 bits, little-endian, 8192 to 1
    picture: Path | None = None
    source: Path | None = None  # the canvas that was encoded
    quality: float | None = None


class StaleVectorsError(Exception):
    """The vectors were made for another model than is there."""


def read_cases(folder: Path = VECTORS) -> list[Case]:
    """All cases but those of models that are not there.

    Raises StaleVectorsError if a model is not the one of the manifest.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    models = {}
    for name, row in manifest["models"].items():
        path = (folder / row["path"]).resolve()
        if not path.is_file():
            continue
        models[name] = path
        if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            raise StaleVectorsError(
                f"{path} is not the model {name} that the vectors were made with: "
                "run python -m conformance.make"
            )
    rows = [*manifest["valid"], *manifest["malformed"], *manifest["malformed_models"]]
    return [_case(row, models, folder) for row in rows if row["model"] in models]


def left_out(folder: Path = VECTORS) -> list[str]:
    """The names of models that are not there."""
    models = json.loads((folder / "manifest.json").read_text())["models"]
    return [name for name, row in models.items() if not (folder / row["path"]).is_file()]


def _case(row: dict, models: dict[str, Path], folder: Path) -> Case:
    paths = {
        key: folder / row[key]
        for key in ("file", "planes", "detail", "picture", "source")
        if key in row
    }
    others = {
        key: row[key] for key in ("name", "why", "bare", "group", "error", "quality") if key in row
    }
    splices = [tuple(splice) for splice in row.get("splices", ())]
    indices = tuple(row.get("indices", ()))
    return Case(model=models[row["model"]], splices=splices, indices=indices, **others, **paths)


def is_a(name: str, expected: str) -> bool:
    """Whether an error's name is the expected one or lies below it."""
    while name and name != expected:
        name = PARENTS.get(name, "")
    return bool(name)


def spliced(sound: bytes, changes: list[Splice]) -> bytes:
    """Replace bytes, from the end to the beginning."""
    data = bytearray(sound)
    for start, removed, value in changes:
        data[start : start + removed] = bytes.fromhex(value)
    return bytes(data)
