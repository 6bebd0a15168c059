"""Reading the cases of a folder of vectors, with the standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance import VECTORS

# The parent of each error. A decoder may report an error below the expected one in this tree.
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

KINDS = ("valid", "error")

Splice = tuple[int, int, str]  # first byte, number of bytes removed, bytes inserted, in hexadecimal


@dataclass(frozen=True)
class Case:
    """A file, its model, and the expected tokens or error."""

    name: str
    why: str
    model: Path
    file: Path
    bare: bool
    group: int = 0
    indices: tuple[int, ...] = ()
    error: str = ""
    splices: Sequence[Splice] = ()  # changes of the model file's bytes
    planes: Path | None = None  # 6144 floats, little-endian
    detail: Path | None = None  # 128 x 128 x 3 integers of 16 bits, little-endian, 8192 to 1
    picture: Path | None = None
    source: Path | None = None  # the canvas that was encoded
    quality: float | None = None

    @property
    def kind(self) -> str:
        """One of `KINDS`: "valid" if tokens are expected, "error" if an error is."""
        return "error" if self.error else "valid"


class StaleVectorsError(Exception):
    """The vectors were made for another version of a model."""


def read_cases(folder: Path = VECTORS, models: Path | None = None) -> list[Case]:
    """Read all cases except those whose model is missing.

    models: a folder with NAME.safetensors of the models that are not a part of the vectors; that of
        the repository if None.
    Raises StaleVectorsError if a model does not match the manifest.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = _model_paths(manifest, folder, models)
    for name, path in paths.items():
        own = manifest["models"][name]["sha256"]
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != own:
            raise StaleVectorsError(
                f"{path} is not the model {name} that the vectors were made with: "
                "run python -m conformance.make"
            )
    return [case for case in _all_cases(manifest, paths, folder) if case.model.is_file()]


def left_out(folder: Path = VECTORS, models: Path | None = None) -> list[Case]:
    """The cases whose model is missing; parameters as of `read_cases`."""
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = _model_paths(manifest, folder, models)
    return [case for case in _all_cases(manifest, paths, folder) if not case.model.is_file()]


def _model_paths(manifest: dict, folder: Path, models: Path | None) -> dict[str, Path]:
    paths = {}
    for name, row in manifest["models"].items():
        paths[name] = (folder / row["path"]).resolve()
        if models is not None and not paths[name].is_relative_to(folder.resolve()):
            paths[name] = models.resolve() / f"{name}.safetensors"
    return paths


def _all_cases(manifest: dict, models: dict[str, Path], folder: Path) -> list[Case]:
    rows = [*manifest["valid"], *manifest["malformed"], *manifest["malformed_models"]]
    return [_case(row, models, folder) for row in rows]


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
    """Whether an error's name is the expected one, or is below it in the tree of errors."""
    while name and name != expected:
        name = PARENTS.get(name, "")
    return bool(name)


def spliced(sound: bytes, changes: list[Splice]) -> bytes:
    """Apply splices, which are sorted from the end of the data to the beginning."""
    data = bytearray(sound)
    for start, removed, value in changes:
        data[start : start + removed] = bytes.fromhex(value)
    return bytes(data)
