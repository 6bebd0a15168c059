"""A log that strangers cannot fill: what repeats is written once a minute, with a count."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MINUTE = 60.0  # seconds
LOGGERS = ("asyncio", "uvicorn.error", "stc.service.connection", "stc.service.dispatch")
_MAX_KINDS = 100  # of lines that are known
_MAX_LENGTH = 200  # characters of a line that tell it from others


class OncePerMinute(logging.Filter):
    """Lets a warning or error pass once a minute, and then says how many like it did not.

    Alike are records of one logger whose first lines are the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # last written, left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; adds the count to the message of one that is."""
        if record.levelno < logging.WARNING:
            return True
        message = record.getMessage()
        kind = record.name, message.split("\n", 1)[0][:_MAX_LENGTH]
        now = self._clock()
        with self._lock:
            written, left_out = self._kinds.get(kind, (now - MINUTE, 0))
            if now - written < MINUTE:
                self._kinds[kind] = written, left_out + 1
                return False
            if len(self._kinds) >= _MAX_KINDS:
                self._kinds.clear()
            self._kinds[kind] = now, 0
        if left_out:
            record.msg, record.args = f"{message.rstrip()} (and {left_out} more like it)", ()
        return True


@contextmanager
def few_lines() -> Iterator[None]:
    """While a server runs, its loggers write each line once a minute."""
    once = OncePerMinute()
    for name in LOGGERS:
        logging.getLogger(name).addFilter(once)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(once)
