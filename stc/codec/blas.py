"""Run numpy's matrix products on one thread.

The products of one face are small: with several threads that wait for each other they took ten
times longer. Batches are distributed over processes or calling threads instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import threadpoolctl

from stc.fork_lock import ForkLock, in_forked_child

_lock = ForkLock()
_users = 0
_limit: threadpoolctl.threadpool_limits | None = None  # while there are users


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit numpy's BLAS to one thread in the whole process while any thread is inside.

    The limit applies to the process: the first thread that enters sets it, the last one that leaves
    restores the old value.
    """
    global _users, _limit
    with _lock:
        if _users == 0 and _limit is None:
            _claim()
            _limit = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users = max(0, _users - 1)  # a child that was forked inside also comes here
            if _users == 0 and _limit is not None:
                _claim()
                _limit.restore_original_limits()
                _claim()
                _limit = None


def _leave_all() -> None:
    """In a forked child, reset the count: only the thread that forked can still be inside.

    The limit stays set and `_limit` keeps the old value for the next thread that enters.
    """
    global _users
    _users = 0


in_forked_child(_leave_all)


def _claim() -> None:
    """Allow the calling thread to change the number of threads.

    Newer versions of threadpoolctl accept changes only from the first thread that made one, to
    prevent conflicts. Here the lock prevents them, and any thread may be the last to leave.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(openblas, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


@cache
def _controller() -> threadpoolctl.ThreadpoolController:
    """The controller of the loaded libraries; finding them takes milliseconds, so do it once."""
    return threadpoolctl.ThreadpoolController()
