"""A log that clients cannot flood: a repeated line is written once a minute, with a count."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MINUTE = 60.0  # seconds
LOGGERS = ("asyncio", "uvicorn.error", "stc.service.connection", "stc.service.dispatch")
_MAX_KINDS = 100  # different lines that are remembered
_MAX_LENGTH = 200  # characters of a line that are compared


class OncePerMinute(logging.Filter):
    """A filter that passes each warning or error once a minute and drops repetitions.

    The next one that passes states how many were dropped. Records count as repetitions if their
    logger and the beginning of their first line are equal.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        # (logger, line) -> when it was last written, and how many were dropped since then
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record; adds the count of dropped ones to its message."""
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
    """A context in which the server's loggers write each line at most once a minute."""
    once = OncePerMinute()
    for name in LOGGERS:
        logging.getLogger(name).addFilter(once)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(once)
