"""A progress bar over the bytes that several processes have read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.gallery.workers import CONTEXT

Report = Callable[[int, int], object]  # called with numbers of further bytes and pictures done


class Counts:
    """For each item: bytes and pictures done, and the process that works on it, in shared memory.

    Shared by all processes that receive this object when they start. Only one process at a time
    writes the numbers of an item, so no lock is needed; a killed process would never release one.
    """

    def __init__(self, items: int) -> None:
        self._sizes = CONTEXT.RawArray("q", items)
        self._pictures = CONTEXT.RawArray("q", items)
        self._processes = CONTEXT.RawArray("q", items)

    def begin(self, index: int) -> None:
        """Record that this process works on an item."""
        self._processes[index] = os.getpid()

    def end(self, index: int) -> None:
        """Record that the item is done."""
        self._processes[index] = 0

    def add(self, index: int, size: int, pictures: int) -> None:
        """Add to an item's bytes and pictures done."""
        self._sizes[index] += size
        self._pictures[index] += pictures

    def clear(self, items: Iterable[int]) -> None:
        """Set the numbers of some items to zero."""
        for index in items:
            self._sizes[index] = self._pictures[index] = self._processes[index] = 0

    def process(self, index: int) -> int:
        """The id of the process that works on an item, 0 if there is none."""
        return int(self._processes[index])

    @property
    def sums(self) -> tuple[int, int]:
        """Bytes and pictures done until now, over all items."""
        return sum(self._sizes), sum(self._pictures)


class Meter:
    """A progress bar of bytes, drawn by the process that created it.

    total: bytes in all. done: bytes that were done before. items: number of items that the other
    bytes belong to.
    """

    def __init__(self, total: int, done: int, items: int) -> None:
        self.counts = Counts(items)
        self._done = done
        self._bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, disable=hidden())

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self.show()
        self._bar.close()

    def report(self, index: int) -> Report:
        """A function that adds to an item's bytes and pictures done, and draws the bar."""

        def add(size: int, pictures: int) -> None:
            self.counts.add(index, size, pictures)
            self.show()

        return add

    def show(self) -> None:
        """Draw the bar with the current sums."""
        size, pictures = self.counts.sums
        self._bar.set_postfix_str(f"{pictures} pictures", refresh=False)
        self._bar.update(self._done + size - self._bar.n)
