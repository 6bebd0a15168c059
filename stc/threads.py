"""How many threads a computation may use here, and work shared out among them."""

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
    """STC_THREADS if it is set, else the number of cores that this process may use.

    Raises BackendError if the variable is no whole number of at least 1.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return cores()
    if not text.isdecimal() or int(text) < 1:
        raise BackendError(f"{VARIABLE} must be a whole number of at least 1, not {text!r}")
    return int(text)


def in_threads(work: Callable[[int], _Result], count: int, number: int) -> list[_Result]:
    """[work(0), ... work(count - 1)], on at most `number` threads, of which the caller's is one.

    They end with the call, so no pool is lost in a fork. Where the system grants fewer, or none,
    those that there are do the work: an executor would refuse it while the interpreter waits for
    its last threads. The first error is raised, and what has not begun is left.
    """
    todo = iter(range(count))  # its steps are atomic
    done: dict[int, _Result] = {}
    errors: list[BaseException] = []

    def run() -> None:
        for one in todo:
            if errors:
                return
            try:
                done[one] = work(one)
            except BaseException as error:  # an interruption of the caller's thread among them
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
    """Cores that the scheduler gives this process: neither masked nor beyond a container's quota.

    More threads than that take turns, which makes them slower than one.
    """
    with contextlib.suppress(AttributeError):  # Linux has it
        return max(1, min(len(os.sched_getaffinity(0)), _quota()))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _quota() -> int:
    return quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def quota(membership: Path, root: Path) -> int:
    """The least quota of this process's control groups (Linux, version 2) in whole cores.

    `membership` names the group, `root` is where groups are mounted. Without a limit, or without
    control groups at all, NO_LIMIT.
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
    """Cores that one control group may keep busy."""
    try:
        limit, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return int(limit) / int(period)  # "max" is no integer
    except (OSError, ValueError):
        return NO_LIMIT
