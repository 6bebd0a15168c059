"""Weights on disk: one safetensors file a model, found by its fingerprint, checked when read.

Matrices are int8 with one scale a column, convolutions are fp16; every array counts towards the
fingerprint, the configuration too, which is why it is stored as an array of bytes. What `stc info`
needs of it comes without numpy, whose import would take longer than all the rest.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.errors import ModelMissingError, WrongModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from stc.bitstream import Tables

FOLDER = Path(__file__).parent / "weights"
DEFAULT = "stc-face-4"

_MOST_HEADER = 1 << 20  # of a safetensors file; ours take some ten thousand bytes


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

        from stc.bitstream import Tables

        with safe_open(self.path, framework="numpy") as file:
            levels = [file.get_tensor(name) for name in self._counts()]
            return Tables(file.get_tensor("group_counts"), tuple(levels))

    @cached_property
    def level_sizes(self) -> list[int]:
        """Number of tokens in every level."""
        return [self._layout[name]["shape"][1] for name in self._counts()]

    @property
    def groups(self) -> list[int]:
        """Frequencies of the groups."""
        return next(self._rows("group_counts", 0, 1)).tolist()

    def rows(self, group: int, count: int) -> Iterator[array[int]]:
        """The frequencies of each of the first `count` tokens, as in `tables`."""
        for name, size in zip(self._counts(), self.level_sizes, strict=True):
            here = min(size, count)
            yield from self._rows(name, group * size, here)
            count -= here

    def _counts(self) -> list[str]:
        levels = sum(name.endswith(".counts") for name in self._layout)
        return [f"levels.{number}.counts" for number in range(levels)]

    @cached_property
    def _layout(self) -> dict[str, Any]:
        return _read_layout(self.path)

    def _rows(self, name: str, first: int, number: int) -> Iterator[array[int]]:
        """`number` rows of an array of counts, from row `first` on."""
        entry = self._layout[name]
        code = {"U16": "H", "U32": "I"}[entry["dtype"]]
        length = entry["shape"][-1]
        with self.path.open("rb") as file:
            row = array(code)
            file.seek(entry["start"] + entry["data_offsets"][0] + first * length * row.itemsize)
            for _ in range(number):
                row = array(code)
                row.fromfile(file, length)
                if sys.byteorder == "big":
                    row.byteswap()
                yield row

    def is_named(self, short: bytes) -> bool:
        """Whether the two bytes that a file names its model by are this one's."""
        return self.fingerprint.startswith(short.hex())

    def demand_named(self, short: bytes) -> None:
        """Raise WrongModelError unless they are."""
        if not self.is_named(short):
            raise WrongModelError(
                f"the file needs model {short.hex()}, this is {self.name} ({self.fingerprint[:4]})"
            )

    def read(self) -> dict[str, npt.NDArray[Any]]:
        """Every array. Raises WrongModelError if they do not give the stated fingerprint."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        from stc.bitstream import fingerprint

        try:
            arrays: dict[str, npt.NDArray[Any]] = load_file(self.path)
        except SafetensorError as error:
            raise WrongModelError(f"{self.path} is damaged: {error}") from error
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
        if file.is_named(short):
            return file
    known = ", ".join(f"{file.name} ({file.fingerprint[:4]})" for file in shipped) or "none"
    raise WrongModelError(
        f"the file needs model {short.hex()}, this installation has: {known}; "
        f"update stc, or name the weights with --model"
    )


def _inspect(path: Path) -> ModelFile:
    try:
        metadata = _read_layout(path).get("__metadata__", {})
    except (ValueError, AttributeError, TypeError) as error:
        raise WrongModelError(f"{path} is not a safetensors file: {error}") from error
    if "fingerprint" not in metadata:
        raise WrongModelError(f"{path} is not an STC model: it states no fingerprint")
    return ModelFile(path, metadata.get("name", path.stem), metadata["fingerprint"])


def _read_layout(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: type, shape and place of every array.

    The library's own reader brings numpy or torch along. Raises ValueError.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        layout: dict[str, Any] = json.loads(file.read(length))
    for entry in layout.values():
        entry["start"] = 8 + length
    return layout


def save_model(path: Path, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> ModelFile:
    """Write arrays as a model file, and return what was written."""
    import numpy as np
    from safetensors.numpy import save_file

    from stc.bitstream import fingerprint

    whole = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    file = ModelFile(path, name, fingerprint(whole))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(whole, path, {"name": name, "fingerprint": file.fingerprint})
    return file
