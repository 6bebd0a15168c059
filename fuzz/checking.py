"""One input to one target: only documented errors, in bounded time, and the same answer twice."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from fuzz.target import Target


class Failure(AssertionError):  # noqa: N818 - libFuzzer's word
    """A promise was broken without an exception: too slow, two answers, memory that ran out."""


def check(target: Target, data: bytes) -> bool:
    """Whether the input was accepted.

    Raises Failure for a broken promise, and passes on what the parser may not raise.
    """
    start = time.process_time()
    with _alarm(target.seconds):
        accepted, first = _outcome(target, data)
    took = time.process_time() - start
    if took > target.seconds:  # also where the parser took the alarm for an error of its own
        raise Failure(f"{len(data)} bytes took {took:.2f} s, at most {target.seconds} are allowed")
    if accepted and _outcome(target, data) != (True, first):
        raise Failure("the second answer is not the first")
    return accepted


def _outcome(target: Target, data: bytes) -> tuple[bool, Any]:
    try:
        return True, target.answer(data)
    except target.errors as error:
        _look_behind(error)
        return False, None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise Failure after so much processor time, which a busy machine does not take away."""

    def ring(number: int, frame: Any) -> NoReturn:
        raise Failure(f"no answer after {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _look_behind(error: BaseException) -> None:
    """Raise Failure for a documented error that hides that memory ran out."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, MemoryError):
            raise Failure("memory ran out, and another error hides it") from error
        behind = behind.__cause__ or behind.__context__


def limit_memory(mebibytes: int) -> None:
    """Let this process take so much more memory than it has; Linux alone."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (mebibytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
