"""Processes of one thread each that share work on one machine."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

# What the libraries that a worker may load read their number of threads from.
ONE_THREAD = dict.fromkeys(
    (
        "STC_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)

_environment = threading.Lock()  # held while this process's variables are not its own


class OneThreadProcess(SpawnProcess):
    """A process that finds `ONE_THREAD` in its environment when it begins.

    The libraries read these variables when they are loaded, and unpickling the first thing that a
    process is handed may load numpy: a variable that the process itself sets comes too late.
    """

    def start(self) -> None:
        """Start the process; this process's own variables are back when it returns."""
        with _environment, _replaced(ONE_THREAD):
            super().start()


class OneThreadContext(SpawnContext):
    """How multiprocessing starts such processes: anew, since a fork would inherit locks.

    They would be those of whatever threads this process has, and nobody would release them.
    """

    Process = OneThreadProcess


CONTEXT = OneThreadContext()


def pool(
    workers: int, initializer: Callable[..., None] | None = None, *arguments: Any
) -> ProcessPoolExecutor:
    """So many processes of one thread each, which end with this one, however it ends.

    Each of them calls `initializer(*arguments)` first; arguments may hold what `CONTEXT.Array` and
    `CONTEXT.Value` return, which all processes share.
    """
    return ProcessPoolExecutor(workers, CONTEXT, start_worker, (initializer, *arguments))


def start_worker(initializer: Callable[..., None] | None = None, *arguments: Any) -> None:
    """Set up the worker that this is called in, then call `initializer(*arguments)`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent alone reports an interruption
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _exit_with_parent() -> None:
    """End this process when its parent has ended: it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _replaced(variables: dict[str, str]) -> Iterator[None]:
    """Set some environment variables, and restore what they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
