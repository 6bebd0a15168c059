"""Files of heads: safetensors in half precision, with the mean of the model's embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from stc.errors import ModelMissingError, WrongModelError
from stc.protection.heads import Head, shapes
from stc.protection.template import Floats
from stc.tensor_file import Entry, Tensor, read_header, write_file

SHIPPED = {"dlib-resnet-v1": "dlib.safetensors"}  # key of a recognition model -> packaged file
_FAMILY = "stc protection head "
_KIND = f"{_FAMILY}1"  # with the version of the format
_MEAN = "middle"  # the name of the mean's array in the file
_TYPES = {"F16": "<f2", "F32": "<f4"}


def save_head(
    path: Path, head: Head, recogniser: str, mean: Floats, notes: Mapping[str, str]
) -> None:
    """Write the file of a head.

    recogniser: key of the recognition model that the head is for. mean [D]: the model's mean
    embedding, for extractors that use embeddings instead of feature maps. notes: more metadata.
    """
    tensors = [
        Tensor(name, "F16", values.shape, values.astype("<f2").tobytes())
        for name, values in sorted(head.arrays.items())
    ]
    tensors.append(Tensor(_MEAN, "F32", mean.shape, mean.astype("<f4").tobytes()))
    shown = "x".join(map(str, head.shape))
    write_file(path, tensors, {"kind": _KIND, "recogniser": recogniser, "map": shown, **notes})


def load_head(path: Path, recogniser: str) -> Head:
    """Read a head from its file.

    recogniser: key of the recognition model that the head must be for. Raises ModelMissingError if
    there is no file; WrongModelError if it is damaged, not a head, or for another model.
    """
    entries, about = _open(path)
    reduce = entries.get("reduce")
    kind = about.get("kind", "")
    if kind.startswith(_FAMILY) and kind != _KIND:
        raise WrongModelError(
            f"{path}: version {kind[len(_FAMILY) :][:9]} is unknown: this release reads version 1 "
            "of heads"
        )
    if kind != _KIND or reduce is None or len(reduce.shape) != 3:
        raise WrongModelError(f"{path} is not a head for protection")
    if about.get("recogniser") != recogniser:
        raise WrongModelError(
            f"{path} is a head for {about.get('recogniser')}, not for {recogniser}"
        )
    cells, channels, size = reduce.shape
    sides = [int(side) for side in about.get("map", "").split("x") if side.isdecimal()]
    if len(sides) != 3 or sides[0] != channels or sides[1] * sides[2] != cells:
        raise WrongModelError(
            f"{path}: the map shape {about.get('map')} does not match the array reduce"
        )
    shape = sides[0], sides[1], sides[2]
    expected = shapes(shape, size)
    found = {name: entry.shape for name, entry in entries.items() if name != _MEAN}
    if found != expected:
        wrong = min(
            name for name in found.keys() | expected if found.get(name) != expected.get(name)
        )
        raise WrongModelError(
            f"{path}: the array {wrong} is {found.get(wrong)}, not {expected.get(wrong)}"
        )
    return Head(shape, {name: _read(path, name, entries[name]) for name in expected})


def load_mean(path: Path) -> Floats:
    """The recognition model's mean embedding [D] from a head's file.

    Raises ModelMissingError if there is no file, WrongModelError if it holds no mean.
    """
    entries, _ = _open(path)
    if _MEAN not in entries or len(entries[_MEAN].shape) != 1:
        raise WrongModelError(f"{path} does not hold the mean of a recogniser's embeddings")
    return _read(path, _MEAN, entries[_MEAN])


def shipped_head(recogniser: str) -> Path | None:
    """The path of the packaged head for the recognition model with this key; None if there is
    none."""
    name = SHIPPED.get(recogniser)
    return None if name is None else Path(str(files("stc.protection") / "weights" / name))


def _open(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """The entries of a file's arrays by name, and its metadata."""
    if not path.is_file():
        raise ModelMissingError(f"there is no head {path}")
    try:
        return read_header(path)
    except ValueError as error:
        raise WrongModelError(f"{path} is not a safetensors file: {error}") from error


def _read(path: Path, name: str, entry: Entry) -> Floats:
    if entry.dtype not in _TYPES:
        raise WrongModelError(f"{path}: the array {name} is {entry.dtype}, not F16 or F32")
    with path.open("rb") as file:
        file.seek(entry.start)
        data = file.read(entry.end - entry.start)
    return np.frombuffer(data, _TYPES[entry.dtype]).astype(np.float32).reshape(entry.shape)
