"""Arithmetic as it is in a process that nobody has changed, whatever the program around it set.

numpy's `seterr`, and of the processor the rounding mode, flush-to-zero and traps: a thread has
them, and other libraries set them for reasons of their own.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_SIZE = 512  # bytes, more than any system's fenv_t
_USUAL = ctypes.c_void_p(-1)  # FE_DFL_ENV of Linux's C libraries


@contextmanager
def standard_floats() -> Iterator[None]:
    """Inside, this thread rounds to nearest, keeps small numbers, and nothing traps or warns.

    Afterwards everything is as it was. Threads that are started inside begin like this one. Also a
    decorator. On other systems than Linux only numpy's part is done.
    """
    import numpy as np  # not at the top: who reads a header does without

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
    for name in (None, "libm.so.6"):  # in the process already, as part of Python
        try:
            library = ctypes.CDLL(name)
            return library.fegetenv, library.fesetenv
        except (OSError, AttributeError):
            continue
    return None
