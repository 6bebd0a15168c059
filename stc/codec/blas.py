"""Keep numpy's matrix products on one thread.

The products of one face are small: threads that wait for each other made them ten times slower than
one thread is. Batches are spread over processes or calling threads instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import threadpoolctl

_lock = Lock()
_users = 0
_limit: threadpoolctl.threadpool_limits | None = None  # while there are users


@contextmanager
def one_thread() -> Iterator[None]:
    """While any thread is inside, numpy's BLAS has one thread in the whole process.

    The setting is one of the process: the first to enter sets it, the last to leave restores it.
    """
    global _users, _limit
    with _lock:
        if _users == 0:
            _claim()
            _limit = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _limit is not None:
                _claim()
                _limit.restore_original_limits()
                _claim()
                _limit = None


def _renew() -> None:
    """A forked child has the calling thread alone: nobody else is inside, or will unlock."""
    global _lock, _users
    _lock, _users = Lock(), 0


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew)


def _claim() -> None:
    """Let the calling thread change the number of threads.

    Newer threadpoolctl ignores all but the first thread that asked, so that threads do not work
    against each other; here the lock sees to that, and the last to leave may be any of them.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(openblas, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


@cache
def _controller() -> threadpoolctl.ThreadpoolController:
    """Looking for the libraries takes milliseconds, so that is done once."""
    return threadpoolctl.ThreadpoolController()
