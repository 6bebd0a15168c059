"""The search in C++ (nearest.cpp), with vector instructions and threads; stores no distances.

A shared library with one C symbol, called through ctypes. Its arguments are checked here, because C
cannot: an array of another shape, type or layout is refused, never silently copied. If the library
is missing, `why` has the reason, and numpy searches.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import BackendError
from stc.kernels.prepared import PreparedCodebooks
from stc.native import loading
from stc.threads import threads as threads_here

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

SYMBOL = "stc_nearest_1"

_ARRAYS = (
    "latents",
    "columns",
    "bias",
    "codebooks",
    "penalty",
    "centre",
    "chosen",
    "indices",
    "costs",
)
_SIZES = ("images", "groups", "tokens", "codewords", "padded", "dimensions")
_REFUSALS = {1: "unsupported sizes", 2: "groups out of range", 3: "too little memory"}


class _Problem(ctypes.Structure):
    """`Problem` of nearest.cpp."""

    _fields_ = [(name, ctypes.c_void_p) for name in _ARRAYS] + [
        (name, ctypes.c_int64) for name in _SIZES
    ]


_library, why = loading.load(Path(loading.__file__).with_name("_nearest"), [SYMBOL])
if _library is not None:
    _search = getattr(_library, SYMBOL)
    _search.argtypes = [ctypes.POINTER(_Problem), ctypes.c_int32]
    _search.restype = ctypes.c_int32


def run(
    latents: Floats,
    prepared: PreparedCodebooks,
    groups: Longs | None,
    threads: int | None = None,
) -> tuple[Longs, Floats]:
    """Return indices and costs [B, G, T], or [B, T] if groups are given.

    latents: float32 [B, T, D]. groups: int64 [B]. threads: the most threads to use, None for
    `stc.threads.threads()`; fewer are used where that is faster. The results are the same bits for
    any batch and any number of threads. Raises BackendError if the library is missing, ValueError
    for arrays that do not fit.
    """
    if _library is None:
        raise BackendError(f"backend native is not available: {why}")
    books = prepared.groups, prepared.tokens
    padded, dimensions = prepared.bias.shape[2], prepared.dimensions
    images = len(latents)
    shape = (images, books[1]) if groups is not None else (images, *books)
    indices, costs = np.empty(shape, np.int64), np.empty(shape, np.float32)
    floats, longs = np.dtype(np.float32), np.dtype(np.int64)
    penalty, chosen = prepared.penalty, groups
    problem = _Problem(
        address("latents", latents, floats, (images, books[1], dimensions)),
        address("columns", prepared.columns, floats, (*books, dimensions, padded)),
        address("bias", prepared.bias, floats, (*books, padded)),
        address("codebooks", prepared.codebooks, floats, (*books, prepared.codewords, dimensions)),
        None
        if penalty is None
        else address("penalty", penalty, floats, (*books, prepared.codewords)),
        address("centre", prepared.centre, floats, (books[1], dimensions)),
        None if chosen is None else address("groups", chosen, longs, (images,)),
        address("indices", indices, longs, shape),
        address("costs", costs, floats, shape),
        images,
        *books,
        prepared.codewords,
        padded,
        dimensions,
    )
    refused = _search(problem, threads_here() if threads is None else threads)
    if refused:
        raise ValueError(f"the native search failed: {_REFUSALS.get(refused, refused)}")
    return indices, costs


def address(
    name: str, array: npt.NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> int:
    """Return the address of an array's numbers after a check of type, shape and layout.

    Raises ValueError for another type, shape or layout. The array must exist as long as the
    address is used.
    """
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        layout = "contiguous" if array.flags.c_contiguous else "not contiguous"
        raise ValueError(
            f"{name} must be contiguous {dtype} {list(shape)}, not {array.dtype} "
            f"{list(array.shape)}, {layout}"
        )
    return array.ctypes.data
