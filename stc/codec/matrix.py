"""Matrices of 8-bit numbers, and the argument checks that all cores share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix M [R, C] of 8-bit numbers: M[r, c] = values[r, c] * scale[c].

    Raises ValueError for arrays of another type or shape, or that are not contiguous.
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
            raise ValueError("values and scale of a matrix must be contiguous in C order")


def check_rows(name: str, array: Floats, columns: int) -> Floats:
    """Return the array in C order. Raises ValueError unless it is float32 [B, columns]."""
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(
            f"{name} must be float32 [B, {columns}], not {array.dtype} {list(array.shape)}"
        )
    return np.ascontiguousarray(array)


def check_prefix(latents: Floats, matrix: Matrix) -> Floats:
    """Return latents [B, n] in C order, n at most the number of columns of the matrix.

    Raises ValueError for another type or shape.
    """
    columns = matrix.values.shape[1]
    if latents.ndim == 2 and latents.shape[1] > columns:
        raise ValueError(f"{latents.shape[1]} latents per row for a matrix of {columns} columns")
    return check_rows("latents", latents, latents.shape[-1] if latents.ndim == 2 else columns)


def check_spent(spent: Floats, faces: int) -> Floats:
    """Return the array in C order. Raises ValueError unless it is float32 [faces]."""
    if spent.dtype != np.float32 or spent.shape != (faces,):
        raise ValueError(f"spent must be float32 [{faces}], not {spent.dtype} {list(spent.shape)}")
    return np.ascontiguousarray(spent)
