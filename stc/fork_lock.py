"""Locks and counters for threads that still work in a forked child process.

A fork copies only the calling thread. Locks that other threads held, here or inside a library,
would stay locked in the child forever.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class ForkLock:
    """A lock for `with` that is replaced by a new one in a forked child.

    Create it once per module: the interpreter keeps it until the process ends.
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


class UsageTracker:
    """The threads that currently use an object with internal locks, such as an ONNX session.

    Use it with `with`; several threads may be inside at once. If the process forks while a thread
    is inside, `abandon` is called in the child: the object may be locked there, so the child must
    neither use nor destroy it.
    Create it once per module: the interpreter keeps it until the process ends.
    """

    def __init__(self, abandon: Callable[[], None]) -> None:
        self._threads: list[int] = []  # list methods are atomic; a thread may enter twice
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
        if own in self._threads:  # false in a child that was forked inside
            self._threads.remove(own)


class cached_property(functools.cached_property[_Value]):  # noqa: N801 - named as in functools
    """`functools.cached_property` whose lock (before Python 3.12) is renewed in a forked child."""

    def __init__(self, make: Callable[[Any], _Value]) -> None:
        super().__init__(make)
        if hasattr(self, "lock"):
            in_forked_child(self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()


def in_forked_child(call: Callable[[], None]) -> None:
    """Register a function to be called first in every child that this process forks."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=call)
