"""Warnings kept quiet in one thread alone.

`warnings.catch_warnings` replaces the filters of the whole process and puts the old ones back:
while it is in force other threads lose their warnings, and two threads at once can leave the wrong
filters for good. Here one filter is added and stays: it applies only inside `quiet()`, since it is
for a category that claims every warning there, and none elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
    if list(warnings.filters[:1]) != [_FILTER]:  # the host has added others, or put old ones back
        warnings.simplefilter("ignore", _Unwanted)
    before = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(before)
