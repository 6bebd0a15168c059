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

KINDS = ("valid", "error")

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

    @property
    def kind(self) -> str:
        """One of `KINDS`: whether tokens or an error must come of it."""
        return "error" if self.error else "valid"


class StaleVectorsError(Exception):
    """The vectors were made for another model than is there."""


def read_cases(folder: Path = VECTORS, models: Path | None = None) -> list[Case]:
    """All cases but those of models that are not there.

    models: a folder that has NAME.safetensors of models that the vectors do not bring with them.
    Raises StaleVectorsError if a model is not the one of the manifest.
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
    """The cases of models that are not there."""
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
