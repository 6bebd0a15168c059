"""Processes that share work on one machine: how many, and how each of them is set up."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

# A fork would inherit the locks of whatever threads this process has.
SPAWN = multiprocessing.get_context("spawn")

# What the libraries that a worker may load read their number of threads from.
_THREADS = ("STC_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pool(workers: int, then: Callable[..., None] | None = None, *given: Any) -> ProcessPoolExecutor:
    """So many processes of one thread each, which end with this one, however it ends.

    Each of them calls `then(*given)` first; what is given may hold `SPAWN.Value`s, which all share.
    """
    return ProcessPoolExecutor(workers, SPAWN, start_worker, (then, *given))


def start_worker(then: Callable[..., None] | None = None, *given: Any) -> None:
    """Set up the process that this is called in; before it loads any library with threads."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent alone reports an interruption
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if then is not None:
        then(*given)


def _end_with_parent() -> None:
    """End this process when its parent has ended: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
