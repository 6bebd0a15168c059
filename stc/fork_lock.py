"""A lock that a forked child can take."""

from __future__ import annotations

import os
import threading


class ForkLock:
    """A lock for `with`, renewed in a forked child, where nobody else is left to release it.

    Make it once for a module: it stays known to the interpreter for good.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
