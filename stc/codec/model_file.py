"""Weights on disk: one safetensors file a model, found by its fingerprint, checked when read.

Matrices are int8 with one scale a column, convolutions are fp16; every array counts towards the
fingerprint, the configuration too, which is why it is stored as an array of bytes. Needs no
torch, so that `stc info` is quick.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables, fingerprint
from stc.errors import ModelMissingError, WrongModelError

FOLDER = Path(__file__).parent / "weights"
DEFAULT = "stc-face-1"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ModelFile:
    """A weights file whose name and fingerprint are known and whose arrays are read on demand."""

    path: Path
    name: str
    fingerprint: str  # SHA-256 in hex; a .stc file carries its first two bytes

    @cached_property
    def tables(self) -> Tables:
        """The integer probabilities, read without the rest of the file."""
        from safetensors import safe_open

        with safe_open(self.path, framework="numpy") as file:
            names = set(file.keys())
            levels: list[npt.NDArray[Any]] = []
            while (name := f"levels.{len(levels)}.counts") in names:
                levels.append(file.get_tensor(name))
            return Tables(file.get_tensor("group_counts"), tuple(levels))

    def read(self) -> dict[str, npt.NDArray[Any]]:
        """Every array. Raises WrongModelError if they do not give the stated fingerprint."""
        from safetensors.numpy import load_file

        arrays: dict[str, npt.NDArray[Any]] = load_file(self.path)
        found = fingerprint(arrays)
        if found != self.fingerprint:
            raise WrongModelError(
                f"{self.path}: the weights give fingerprint {found[:12]}, the file says "
                f"{self.fingerprint[:12]}; it is damaged or was edited, install it again"
            )
        return arrays


def open_model(model: str | Path | None = None) -> ModelFile:
    """A model by shipped name, by path, or the default one.

    Raises ModelMissingError if there is none, WrongModelError if the file is no STC model.
    """
    path = (
        Path(model)
        if model is not None and Path(model).suffix
        else FOLDER / (f"{model or DEFAULT}.safetensors")
    )
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in FOLDER.glob("*.safetensors"))) or "none"
        raise ModelMissingError(f"no model at {path}; this installation ships: {shipped}")
    return _inspect(path)


def find_model(short: bytes) -> ModelFile:
    """The shipped model whose fingerprint begins with the two bytes that a file names.

    Raises WrongModelError if none does.
    """
    shipped = [_inspect(path) for path in sorted(FOLDER.glob("*.safetensors"))]
    for file in shipped:
        if bytes.fromhex(file.fingerprint)[: len(short)] == short:
            return file
    known = ", ".join(f"{file.name} ({file.fingerprint[:4]})" for file in shipped) or "none"
    raise WrongModelError(
        f"the file needs model {short.hex()}, this installation has: {known}; "
        f"update stc, or name the weights with --model"
    )


def _inspect(path: Path) -> ModelFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise WrongModelError(f"{path} is not a safetensors file: {error}") from error
    if "fingerprint" not in metadata:
        raise WrongModelError(f"{path} is not an STC model: it states no fingerprint")
    return ModelFile(path, metadata.get("name", path.stem), metadata["fingerprint"])


def save_model(path: Path, name: str, config: dict[str, Any], arrays: Arrays) -> ModelFile:
    """Write arrays and configuration as a model file, and return what was written."""
    from safetensors.numpy import save_file

    text = json.dumps(config, sort_keys=True).encode()
    whole = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    whole["config"] = np.frombuffer(text, np.uint8)
    file = ModelFile(path, name, fingerprint(whole))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(whole, path, {"name": name, "fingerprint": file.fingerprint})
    return file


def read_config(arrays: Arrays) -> dict[str, Any]:
    """The configuration that `save_model` stored."""
    return json.loads(arrays["config"].tobytes())  # type: ignore[no-any-return]


def to_int8(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    """float32 [..., C] -> int8 [..., C] and one float16 scale a column [C]."""
    flat = np.abs(matrix.reshape(-1, matrix.shape[-1])).max(0)
    scale = np.maximum(flat / 127, 1e-7).astype(np.float16)
    quantised = np.round(matrix / scale.astype(np.float32))
    return np.clip(quantised, -127, 127).astype(np.int8), scale


def from_int8(quantised: npt.NDArray[np.int8], scale: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The inverse of `to_int8`."""
    return quantised.astype(np.float32) * scale.astype(np.float32)
