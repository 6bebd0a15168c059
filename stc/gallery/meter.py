"""A progress bar over bytes that several processes feed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.gallery.workers import CONTEXT

Report = Callable[[int, int], object]  # called with the bytes and pictures that were done


class Counts:
    """Bytes and pictures of each of some items, and the process that is at it.

    All processes share them that this is handed to when they start. An item's are written by one
    process at a time, without a lock: a process that is killed would take the lock with it.
    """

    def __init__(self, items: int) -> None:
        self._sizes = CONTEXT.RawArray("q", items)
        self._pictures = CONTEXT.RawArray("q", items)
        self._processes = CONTEXT.RawArray("q", items)

    def begin(self, index: int) -> None:
        """Say that this process is at an item."""
        self._processes[index] = os.getpid()

    def end(self, index: int) -> None:
        """Say that the item is done."""
        self._processes[index] = 0

    def add(self, index: int, size: int, pictures: int) -> None:
        """Add an item's bytes and pictures that are done."""
        self._sizes[index] += size
        self._pictures[index] += pictures

    def clear(self, items: Iterable[int]) -> None:
        """Forget what was done of some items."""
        for index in items:
            self._sizes[index] = self._pictures[index] = self._processes[index] = 0

    def process(self, index: int) -> int:
        """The number of the process that is at an item, 0 if there is none."""
        return int(self._processes[index])

    @property
    def sums(self) -> tuple[int, int]:
        """Bytes and pictures done until now, over all items."""
        return sum(self._sizes), sum(self._pictures)


class Meter:
    """A progress bar of bytes, drawn by the process that made it.

    total: bytes in all; done: those that were done before; items: how many the others belong to.
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
        """What adds an item's bytes and pictures that this process has done, and draws the bar."""

        def add(size: int, pictures: int) -> None:
            self.counts.add(index, size, pictures)
            self.show()

        return add

    def show(self) -> None:
        """Draw the bar as of what was counted until now."""
        size, pictures = self.counts.sums
        self._bar.set_postfix_str(f"{pictures} pictures", refresh=False)
        self._bar.update(self._done + size - self._bar.n)
