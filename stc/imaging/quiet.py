"""Suppressing warnings in one thread only, without a change to the program's filters.

`warnings.catch_warnings` replaces the filters of the whole process and restores them later:
meanwhile other threads lose their warnings, and two threads at once can leave the wrong filters in
place. `quiet()` inserts one filter instead, and removes it. Other threads see that filter and lose
nothing: its category matches every warning inside `quiet()`, and none outside. The version of the
filters does not change, so the registry of warnings that were shown already stays valid.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

_is_quiet = ContextVar("_is_quiet", default=False)


class _Claims(type):
    def __subclasscheck__(cls, category: type) -> bool:
        return _is_quiet.get()


class _Unwanted(Warning, metaclass=_Claims):
    """A category that contains every warning raised inside `quiet()`."""


_FILTER = ("ignore", None, _Unwanted, None, 0)


@contextmanager
def quiet() -> Iterator[None]:
    """A context in which this thread's warnings are ignored, for any filters of the program."""
    if _is_quiet.get():
        yield
        return
    if getattr(sys.flags, "context_aware_warnings", False):
        # With this option of Python 3.14, filters are per thread.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        return
    filters = cast("list[Any]", warnings.filters)
    filters.insert(0, _FILTER)
    before = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(before)
        # The same list object: the program may have replaced `warnings.filters` meanwhile.
        with contextlib.suppress(ValueError):  # or emptied it
            filters.remove(_FILTER)
