"""Worker processes of one thread each."""

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

# The variables from which libraries that a worker may load read their number of threads.
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

_environment = threading.Lock()  # held while this process's environment is changed


class OneThreadProcess(SpawnProcess):
    """A process that starts with `ONE_THREAD` in its environment.

    Libraries read these variables when they are loaded, and a process loads numpy as soon as it
    unpickles its first argument: it would be too late if the process itself set them.
    """

    def start(self) -> None:
        """Start the process. The environment of this process is restored afterwards."""
        with _environment, _replaced(ONE_THREAD):
            super().start()


class OneThreadContext(SpawnContext):
    """The multiprocessing context of these processes. They are spawned: a fork would inherit locks
    that other threads of this process hold, and nobody would release them.
    """

    Process = OneThreadProcess


CONTEXT = OneThreadContext()


def pool(
    workers: int, initializer: Callable[..., None] | None = None, *arguments: Any
) -> ProcessPoolExecutor:
    """A pool of `workers` processes of one thread each, which end when this process ends, also if
    it is killed.

    Each calls `initializer(*arguments)` first; arguments may contain shared memory from
    `CONTEXT.Array` and `CONTEXT.Value`.
    """
    return ProcessPoolExecutor(workers, CONTEXT, start_worker, (initializer, *arguments))


def start_worker(initializer: Callable[..., None] | None = None, *arguments: Any) -> None:
    """Set up this process as a worker, then call `initializer(*arguments)`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # only the parent reports an interruption
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _exit_with_parent() -> None:
    """End this process when its parent has ended; otherwise it would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _replaced(variables: dict[str, str]) -> Iterator[None]:
    """Set some environment variables, and restore their values afterwards."""
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
