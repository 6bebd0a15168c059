"""Matrices in 8 bits, and the checks that every core makes of the arrays it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix M [R, C] in 8 bits: M[r, c] = values[r, c] * scale[c].

    Raises ValueError for arrays of another type or shape.
    """

    values: npt.NDArray[np.int8]  # [R, C], in C order
    scale: Floats  # [C]

    def __post_init__(self) -> None:
        if self.values.dtype != np.int8 or self.values.ndim != 2:
            raise ValueError(
                f"values must be int8 [R, C], not {self.values.dtype} {list(self.values.shape)}"
            )
        if self.scale.dtype != np.float32 or self.scale.shape != self.values.shape[1:]:
            raise ValueError(
                f"scale must be float32 [{self.values.shape[1]}], "
                f"not {self.scale.dtype} {list(self.scale.shape)}"
            )
        if not (self.values.flags.c_contiguous and self.scale.flags.c_contiguous):
            raise ValueError("a matrix must lie in memory row after row, without gaps")


def check_rows(name: str, array: Floats, columns: int) -> Floats:
    """The same numbers, row after row in memory; ValueError unless float32 [B, columns]."""
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(
            f"{name} must be float32 [B, {columns}], not {array.dtype} {list(array.shape)}"
        )
    return np.ascontiguousarray(array)


def check_prefix(latents: Floats, matrix: Matrix) -> Floats:
    """As `check_rows`, for numbers that go with the first columns of a matrix, or with all."""
    columns = matrix.values.shape[1]
    if latents.ndim == 2 and latents.shape[1] > columns:
        raise ValueError(f"{latents.shape[1]} numbers a row for a matrix of {columns} columns")
    return check_rows("latents", latents, latents.shape[-1] if latents.ndim == 2 else columns)


def check_spent(spent: Floats, faces: int) -> Floats:
    """The same numbers; ValueError unless float32 [faces]."""
    if spent.dtype != np.float32 or spent.shape != (faces,):
        raise ValueError(f"spent must be float32 [{faces}], not {spent.dtype} {list(spent.shape)}")
    return np.ascontiguousarray(spent)
