"""The definition of a fuzz target."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Answer = Callable[[bytes], Any]
Repair = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Target:
    """A parser and its documented behaviour.

    answer: parses an input -> a value that `==` can compare; called twice for accepted inputs.
    seeds: makes the seed inputs by name, deterministically.
    errors: the exceptions that the documentation allows. Any other is a failure.
    parsers: modules whose line coverage is measured.
    repair: corrects checksums and lengths of a mutated input, so that the code behind their checks
        is reached; applied to three of four inputs.
    strict: whether a warning is a failure.
    """

    answer: Answer
    seeds: Callable[[], Mapping[str, bytes]]
    errors: tuple[type[Exception], ...]
    parsers: tuple[str, ...]
    repair: Repair | None = None
    max_len: int = 1024  # bytes of an input
    seconds: float = 1.0  # maximum processor time of one input
    memory: int = 256  # MiB of one input, beyond the memory of the process before it
    strict: bool = True
