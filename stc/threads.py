"""The number of threads that a computation may use, and work distributed over threads."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from stc.errors import BackendError

VARIABLE = "STC_THREADS"
NO_LIMIT = 1 << 30

_Result = TypeVar("_Result")


def threads() -> int:
    """Return STC_THREADS if it is set, else the number of cores that this process may use.

    Raises BackendError if the variable is not an integer of at least 1.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return cores()
    if not text.isdecimal() or int(text) < 1:
        raise BackendError(f"{VARIABLE} must be an integer of at least 1, not {text!r}")
    return int(text)


def in_threads(work: Callable[[int], _Result], count: int, number: int) -> list[_Result]:
    """Return [work(0), ... work(count - 1)], computed on at most `number` threads.

    The calling thread is one of them. The others end with the call, so a fork cannot lose a thread
    pool. If the system grants fewer threads, the existing ones do all the work; an executor would
    refuse work while the interpreter shuts down. The first error is raised, and calls that have not
    begun are skipped.
    """
    todo = iter(range(count))  # next() on it is atomic
    done: dict[int, _Result] = {}
    errors: list[BaseException] = []

    def run() -> None:
        for one in todo:
            if errors:
                return
            try:
                done[one] = work(one)
            except BaseException as error:  # also KeyboardInterrupt in the caller's thread
                errors.append(error)

    others = []
    with contextlib.suppress(RuntimeError):  # no more threads for this process
        for _ in range(min(number, count) - 1):
            other = threading.Thread(target=run, daemon=True)
            other.start()
            others.append(other)
    run()
    for other in others:
        other.join()
    if errors:
        raise errors[0]
    return [done[one] for one in range(count)]


def cores() -> int:
    """Return the number of cores for this process, by its CPU affinity and its container's quota.

    More threads than cores take turns, which makes them slower than one thread.
    """
    with contextlib.suppress(AttributeError):  # sched_getaffinity exists on Linux
        return max(1, min(len(os.sched_getaffinity(0)), _quota()))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _quota() -> int:
    return quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def quota(membership: Path, root: Path) -> int:
    """Return the CPU quota of this process's control groups (Linux cgroup version 2), in cores.

    membership: the file that names the group, /proc/self/cgroup. root: where the groups are
    mounted. The result is the smallest quota of the group and its parents, rounded down but at
    least 1; NO_LIMIT without a limit or without control groups.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    path = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = root / path.lstrip("/")
    groups = [group for group in (folder, *folder.parents) if group.is_relative_to(root)]
    return max(1, int(min([NO_LIMIT, *map(_limit, groups)])))


def _limit(group: Path) -> float:
    """The CPU quota of one control group, in cores."""
    try:
        limit, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return int(limit) / int(period)  # ValueError for "max", which means no limit
    except (OSError, ValueError):
        return NO_LIMIT
