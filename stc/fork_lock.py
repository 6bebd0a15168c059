"""What keeps threads apart, and still works in a forked child.

A fork copies the calling thread alone. Locks that others held, here or inside a library, stay
locked in the child for ever.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class ForkLock:
    """A lock for `with`, renewed in a forked child, where nobody else is left to release it.

    Make it once for a module: it stays known to the interpreter for good.
    """

    def __init__(self) -> None:
        self._renew()
        in_forked_child(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Inside:
    """Who is inside something that has locks of its own, such as a session of ONNX Runtime.

    Use it with `with`, several threads at once. If a process forks meanwhile, `abandon` is called
    in the child: what is there may be locked, and must neither be used nor be destroyed.
    Make it once for a module: it stays known to the interpreter for good.
    """

    def __init__(self, abandon: Callable[[], None]) -> None:
        self._threads: list[int] = []  # its methods are atomic; a thread may enter twice
        self._abandon = abandon
        in_forked_child(self._renew)

    def _renew(self) -> None:
        if self._threads:
            self._threads = []
            self._abandon()

    def __enter__(self) -> None:
        self._threads.append(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        own = threading.get_ident()
        if own in self._threads:  # unless this is a child that was forked inside
            self._threads.remove(own)


class cached_property(functools.cached_property[_Value]):  # noqa: N801 - as the one it replaces
    """`functools.cached_property`, whose lock (before Python 3.12) a forked child renews."""

    def __init__(self, make: Callable[[Any], _Value]) -> None:
        super().__init__(make)
        if hasattr(self, "lock"):
            in_forked_child(self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()


def in_forked_child(call: Callable[[], None]) -> None:
    """Call this in every child that this process forks, before anything else runs there."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=call)
