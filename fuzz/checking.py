"""Checks one input of a target: documented errors only, bounded time, the same result twice."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from fuzz.target import Target


class Failure(AssertionError):  # noqa: N818 - libFuzzer's term
    """A violation without an exception of its own: time, differing results, hidden MemoryError."""


def check(target: Target, data: bytes) -> bool:
    """Check an input -> whether the parser accepts it.

    Raises Failure for too much time, differing results or exhausted memory, and the parser's error
    if it is not one of `target.errors`.
    """
    start = time.process_time()
    with _alarm(target.seconds):
        accepted, first = _outcome(target, data)
    took = time.process_time() - start
    if took > target.seconds:  # the parser may have caught the alarm's Failure
        raise Failure(f"{len(data)} bytes took {took:.2f} s, at most {target.seconds} are allowed")
    if accepted and _outcome(target, data) != (True, first):
        raise Failure("the second result differs from the first")
    return accepted


def _outcome(target: Target, data: bytes) -> tuple[bool, Any]:
    try:
        return True, target.answer(data)
    except target.errors as error:
        _look_behind(error)
        return False, None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise Failure after a processor time, which does not depend on the load of the machine."""

    def ring(number: int, frame: Any) -> NoReturn:
        raise Failure(f"no result after {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _look_behind(error: BaseException) -> None:
    """Raise Failure if a documented error has a MemoryError among its causes."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, MemoryError):
            raise Failure("a documented error hides that memory ran out") from error
        behind = behind.__cause__ or behind.__context__


def limit_memory(mebibytes: int) -> None:
    """Limit this process to a number of MiB beyond its present address space; Linux only.

    Another call measures from the address space of that moment.
    """
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (mebibytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
