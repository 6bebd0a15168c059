"""Standard floating-point settings for a computation, whatever the host program has set.

Each thread has its own settings: numpy's `seterr` and the processor's rounding mode, flush-to-zero
mode and traps. Other libraries change them, and results would depend on that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_SIZE = 512  # bytes, more than any system's fenv_t
_USUAL = ctypes.c_void_p(-1)  # FE_DFL_ENV of Linux's C libraries on most processors
_OTHER_PROCESSORS = ("ppc", "alpha")  # where it is another address, and -1 would crash


@contextmanager
def standard_floats() -> Iterator[None]:
    """Set standard floating-point settings for this thread, and restore the old ones at the end.

    Inside, operations round to nearest, subnormal numbers are kept, and nothing traps or warns.
    Threads started inside inherit the settings. Also usable as a decorator. On systems other than
    Linux, and on some processors, only numpy's settings are changed.
    """
    import numpy as np  # not at the top: reading a header does not need it

    functions = _functions()
    with np.errstate(all="ignore"):
        if functions is None:
            yield
            return
        get, put = functions
        before = ctypes.create_string_buffer(_SIZE)
        get(before)
        put(_USUAL)
        try:
            yield
        finally:
            put(before)


@cache
def _functions() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """fegetenv and fesetenv of the C library, if its default environment is known here."""
    if not sys.platform.startswith("linux"):
        return None
    if os.uname().machine.startswith(_OTHER_PROCESSORS):
        return None
    for name in (None, "libm.so.6"):  # in the process already, as part of Python
        try:
            library = ctypes.CDLL(name)
            return library.fegetenv, library.fesetenv
        except (OSError, AttributeError):
            continue
    return None
