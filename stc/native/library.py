"""The shared library of core.cpp and its functions' types; `why` says why there is none."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import BackendError
from stc.native.loading import load

_POINTER, _INT, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_INTS = ctypes.POINTER(_INT)
_ARRAYS = ctypes.POINTER(_POINTER)
_SCRATCH = (_POINTER, _SIZE)
_MATRIX = (_POINTER, _POINTER, _INT, _INT)  # values, scale, rows, columns

# Of every function the type of its result, then those of its arguments; see core.cpp.
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "stc_decode": (_INT, ctypes.c_char_p, _INT, _INTS, _ARRAYS, _INT, _POINTER),
    "stc_planes": (_INT, _INTS, _ARRAYS, _INT, _POINTER, _INT, _POINTER, *_SCRATCH),
    "stc_planes_scratch": (_SIZE, _INTS),
    "stc_unpack": (_INT, *(_POINTER,) * 5, _INT, _INT, _INT, _INT, _POINTER),
    "stc_render": (_INT, _INTS, _ARRAYS, _POINTER, _POINTER, _INT, _POINTER, *_SCRATCH, _INT),
    "stc_render_scratch": (_SIZE, _INTS),
    "stc_render_large": (_INT, _INTS, _ARRAYS, _POINTER, _POINTER, _INT, _POINTER, *_SCRATCH, _INT),
    "stc_render_large_scratch": (_SIZE, _INTS),
    "stc_project": (
        _INT,
        _POINTER,
        _INT,
        _POINTER,
        _POINTER,
        _INT,
        _INT,
        _POINTER,
        *_SCRATCH,
        _INT,
    ),
    "stc_expand": (
        *(_INT, _POINTER, _INT, _INT, _POINTER, _POINTER, _INT, _INT, _POINTER),
        *(*_SCRATCH, _INT),
    ),
    "stc_product_scratch": (_SIZE, _INT, _INT),
}


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """The same library, whose functions know the types of their arguments."""
    for name, (result, *arguments) in _SIGNATURES.items():
        own = getattr(library, name)
        own.restype, own.argtypes = result, arguments
    return library


_loaded, why = load(Path(__file__).with_name("_core"), list(_SIGNATURES))
_library = None if _loaded is None else declare(_loaded)
available = _library is not None


def function(name: str) -> Any:
    """A function of the library. Raises BackendError if there is no library."""
    if _library is None:
        raise BackendError(f"the native core cannot serve: {why}")
    return getattr(_library, name)


def ints(values: list[int]) -> ctypes.Array[ctypes.c_int]:
    return (_INT * len(values))(*values)


class Arrays:
    """Arrays that C reads: their addresses, and the arrays, which must live as long."""

    def __init__(self, arrays: list[npt.NDArray[Any]]) -> None:
        if not all(array.flags.c_contiguous for array in arrays):
            raise ValueError("arrays that C reads must lie in memory without gaps")
        self.arrays = arrays
        self.addresses = (_POINTER * len(arrays))(*(array.ctypes.data for array in arrays))


class Scratch(threading.local):
    """Memory to work in, one for each thread and kept, since new pages cost more than the work."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def take(self, size: int) -> tuple[int, int]:
        """Address and size of at least so many bytes, until this thread asks again."""
        if self._memory.size < size:
            self._memory = np.empty(size, np.uint8)
        return self._memory.ctypes.data, self._memory.size


scratch = Scratch()
