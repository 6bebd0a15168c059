"""What a fuzz target is."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Answer = Callable[[bytes], Any]
Repair = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Target:
    """One parser and what is promised of it.

    answer: what the parser makes of an input, as a value that `==` compares; it is asked twice.
    errors: what it may raise, as its documentation says. Anything else is a failure.
    seeds: makes the first inputs by name; always the same ones.
    parsers: modules whose lines are counted as reached or not.
    repair: makes checksums and lengths of a mutated input right, so that what lies behind them is
        reached; three of four inputs go through it.
    strict: whether a warning is a failure.
    """

    answer: Answer
    seeds: Callable[[], Mapping[str, bytes]]
    errors: tuple[type[Exception], ...]
    parsers: tuple[str, ...]
    repair: Repair | None = None
    max_len: int = 1024  # bytes of an input
    seconds: float = 1.0  # of processor time that one input may take
    memory: int = 256  # MiB beside what the process has once all seeds were read
    strict: bool = True
