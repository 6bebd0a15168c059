"""Keep numpy's matrix products on one thread.

The products of one face are small: threads that wait for each other made them ten times slower than
one thread is. Batches are spread over processes or calling threads instead.
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
    """While any thread is inside, numpy's BLAS has one thread in the whole process.

    The setting is one of the process: the first to enter sets it, the last to leave restores it.
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
            _users = max(0, _users - 1)  # a child that was forked inside leaves as well
            if _users == 0 and _limit is not None:
                _claim()
                _limit.restore_original_limits()
                _claim()
                _limit = None


def _leave_all() -> None:
    """Of the threads that were inside, a forked child has at most the one that forked.

    The next to enter finds the limit still set, and what it was before in `_limit`.
    """
    global _users
    _users = 0


in_forked_child(_leave_all)


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
