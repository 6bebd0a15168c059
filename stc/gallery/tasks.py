"""Work that processes share: if one of them is killed, what it was at is lost and nothing else."""

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

_counts: Counts | None = None  # in a worker: where it says what it is at


def share(
    function: Callable[[Item, Report], Result],
    items: Sequence[Item],
    workers: int,
    counts: Counts,
    idle: Callable[[], object],
) -> Iterator[tuple[Item, Result | None]]:
    """Each item and function(item, report), in processes, as soon as it is done.

    The result is None if the process that was at the item was killed, as systems do that run out of
    memory. Every other item is done, if need be by new processes.

    function: can be pickled; it calls report(bytes, pictures) as it goes on.
    counts: of as many items. idle: called about twice a second.

    Raises what a function raised, and StcError if processes end that were at no item.
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
            except BrokenProcessPool:  # before everything was handed out
                children = active_children()
            finally:
                for future in futures:
                    future.cancel()
        if not left:
            return
        # The pool itself ends the others by SIGTERM as soon as one is gone.
        others = {child.pid for child in children if child.exitcode in (0, -signal.SIGTERM)}
        killed = [index for index in left if counts.process(index) not in (0, *others)]
        if not killed:
            raise StcError(
                "the worker processes were ended from outside: what is done is kept, give the same "
                "command again"
            )
        for index in killed:
            yield left.pop(index), None


def _start(counts: Counts) -> None:
    """Keep where this process says what it is at."""
    global _counts
    _counts = counts


def _run(function: Callable[[Item, Report], Result], index: int, item: Item) -> Result:
    """Call the function, in a worker."""
    assert _counts is not None  # noqa: S101 - the pool's initialiser has set it
    counts = _counts
    counts.begin(index)
    result = function(item, lambda size, pictures: counts.add(index, size, pictures))
    counts.end(index)
    return result
