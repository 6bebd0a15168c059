"""A progress bar over bytes that several processes feed."""

from __future__ import annotations

from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.gallery.workers import CONTEXT


class Counts:
    """Bytes and pictures that are done, summed over all processes that it is handed to."""

    def __init__(self) -> None:
        self._sums = CONTEXT.Array("q", 2)

    def add(self, size: int, pictures: int) -> None:
        """Add bytes and pictures that are done."""
        with self._sums.get_lock():
            self._sums[0] += size
            self._sums[1] += pictures

    @property
    def sums(self) -> tuple[int, int]:
        """Bytes and pictures done until now, over all processes."""
        return self._sums[0], self._sums[1]


class Meter:
    """A progress bar of bytes, drawn by the process that made it.

    total: bytes in all; done: those that were done before.
    """

    def __init__(self, total: int, done: int) -> None:
        self.counts = Counts()
        self._done = done
        self._bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, disable=hidden())

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self.show()
        self._bar.close()

    def add(self, size: int, pictures: int) -> None:
        """Add bytes and pictures that this process has done, and draw the bar."""
        self.counts.add(size, pictures)
        self.show()

    def show(self) -> None:
        """Draw the bar as of what was counted until now."""
        size, pictures = self.counts.sums
        self._bar.set_postfix_str(f"{pictures} pictures", refresh=False)
        self._bar.update(self._done + size - self._bar.n)
