"""Warnings kept quiet in one thread alone, with the host's filters left as they were.

`warnings.catch_warnings` replaces the filters of the whole process and puts the old ones back:
while it is in force other threads lose their warnings, and two threads at once can leave the wrong
filters for good. Here one filter comes first while `quiet()` is in force, and goes with it. Other
threads may see it and lose nothing: it is for a category that claims every warning inside
`quiet()`, and none elsewhere. What was warned of once is not forgotten either, since the filters'
version does not change: no warning that was to be shown at other places is held back.
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
    """The category of every warning that is raised where `quiet()` is in force."""


_FILTER = ("ignore", None, _Unwanted, None, 0)


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, this thread's warnings are ignored, whatever filters there are."""
    if _is_quiet.get():
        yield
        return
    if getattr(sys.flags, "context_aware_warnings", False):
        # Here each thread has filters of its own (an option of Python 3.14).
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
        # The same list: the host may have put another one in its place meanwhile.
        with contextlib.suppress(ValueError):  # or emptied it
            filters.remove(_FILTER)
