"""Distributes work over processes; if one is killed, only the item it worked on is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from typing import TypeVar

from stc.errors import StcError
from stc.gallery.meter import Counts, Report
from stc.gallery.workers import pool

Item = TypeVar("Item")
Result = TypeVar("Result")

_counts: Counts | None = None  # in a worker: where it records the item it works on


def share(
    function: Callable[[Item, Report], Result],
    items: Sequence[Item],
    workers: int,
    counts: Counts,
    idle: Callable[[], object],
) -> Iterator[tuple[Item, Result | None]]:
    """Compute function(item, report) in processes; yield items and results in order of completion.

    The result is None if the process that worked on the item was killed, as by a system that is out
    of memory. All other items are done, by new processes if necessary.

    function: must be picklable; it calls report(bytes, pictures) with further numbers done.
    workers: number of processes, with one thread each. counts: one entry for each item. idle:
    called about twice a second.

    Raises any exception of the function, and StcError if processes end that worked on no item.
    """
    left = dict(enumerate(items))
    while left:
        counts.clear(left)
        futures: dict[Future[Result], int] = {}
        children = []
        with pool(min(workers, len(left)), _start, counts) as processes:
            try:
                for index, item in left.items():
                    futures[processes.submit(_run, function, index, item)] = index
                children = active_children()
                waiting = set(futures)
                while waiting:
                    done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                    idle()
                    for future in done:
                        if not isinstance(future.exception(), BrokenProcessPool):
                            yield left.pop(futures[future]), future.result()
            except BrokenProcessPool:  # a process ended before all items were submitted
                children = active_children()
            finally:
                for future in futures:
                    future.cancel()
        if not left:
            return
        # As soon as one process has ended, the pool ends the others by SIGTERM.
        others = {child.pid for child in children if child.exitcode in (0, -signal.SIGTERM)}
        killed = [index for index in left if counts.process(index) not in (0, *others)]
        if not killed:
            raise StcError(
                "the worker processes were ended from outside: finished work is kept, run the same "
                "command again"
            )
        for index in killed:
            yield left.pop(index), None


def _start(counts: Counts) -> None:
    """Set up a worker: keep the shared counts."""
    global _counts
    _counts = counts


def _run(function: Callable[[Item, Report], Result], index: int, item: Item) -> Result:
    """Call the function, in a worker, and record that this process works on the item."""
    assert _counts is not None  # noqa: S101 - set by the pool's initialiser
    counts = _counts
    counts.begin(index)
    result = function(item, lambda size, pictures: counts.add(index, size, pictures))
    counts.end(index)
    return result
