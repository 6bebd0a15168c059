"""The shared library of core.cpp, with the types of its functions.

`available` states whether it could be loaded; if not, `why` has the reason.
"""

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

# For every function the type of its result, then the types of its arguments; see core.cpp.
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "stc_decode": (_INT, ctypes.c_char_p, _INT, _INTS, _ARRAYS, _INT, _POINTER),
    "stc_planes": (_INT, _INTS, _ARRAYS, _INT, _POINTER, _INT, _POINTER, *_SCRATCH),
    "stc_planes_scratch": (_SIZE, _INTS),
    "stc_unpack": (_INT, *(_POINTER,) * 5, _INT, _INT, _INT, _INT, _POINTER),
    "stc_render": (_INT, _INTS, _ARRAYS, _POINTER, _POINTER, _INT, _POINTER, *_SCRATCH, _INT),
    "stc_render_scratch": (_SIZE, _INTS),
    "stc_render_large": (_INT, _INTS, _ARRAYS, _POINTER, _POINTER, _INT, _POINTER, *_SCRATCH, _INT),
    "stc_render_large_scratch": (_SIZE, _INTS),
    "stc_project": (_INT, _POINTER, _INT, *_MATRIX, _POINTER, *_SCRATCH, _INT),
    "stc_expand": (_INT, _POINTER, _INT, _INT, *_MATRIX, _POINTER, *_SCRATCH, _INT),
    "stc_product_scratch": (_SIZE, _INT, _INT),
}


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Set the argument and result types of the library's functions; return the library."""
    for name, (result, *arguments) in _SIGNATURES.items():
        own = getattr(library, name)
        own.restype, own.argtypes = result, arguments
    return library


_loaded, why = load(Path(__file__).with_name("_core"), list(_SIGNATURES))
_library = None if _loaded is None else declare(_loaded)
available = _library is not None


def function(name: str) -> Any:
    """Return a function of the library. Raises BackendError if the library is not available."""
    if _library is None:
        raise BackendError(f"the native core is not available: {why}")
    return getattr(_library, name)


def ints(values: list[int]) -> ctypes.Array[ctypes.c_int]:
    """Return a C array of ints."""
    return (_INT * len(values))(*values)


class Arrays:
    """Arrays that C reads: a C array of their addresses, and the arrays themselves.

    The object must exist as long as the addresses are used. Raises ValueError for an array that is
    not contiguous in C order.
    """

    def __init__(self, arrays: list[npt.NDArray[Any]]) -> None:
        if not all(array.flags.c_contiguous for array in arrays):
            raise ValueError("arrays that C reads must be contiguous in C order")
        self.arrays = arrays
        self.addresses = (_POINTER * len(arrays))(*(array.ctypes.data for array in arrays))


class Scratch(threading.local):
    """Scratch memory, one block for each thread.

    It is kept between calls, since allocating new pages takes longer than the computation.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def take(self, size: int) -> tuple[int, int]:
        """Return address and size of a block of at least `size` bytes.

        It is valid until the next call of this thread.
        """
        if self._memory.size < size:
            self._memory = np.empty(size, np.uint8)
        return self._memory.ctypes.data, self._memory.size


scratch = Scratch()
