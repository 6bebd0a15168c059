"""The learning-rate schedule."""

from __future__ import annotations

import math


def learning_rate(rate: float, step: int, steps: int, warm_up: int) -> float:
    """The rate at `step` of `steps`: cosine decay to rate / 100, with a linear warm-up.

    warm_up: the number of steps of the warm-up.
    """
    warm = min(1.0, (step + 1) / warm_up)
    decay = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps))
    return rate * warm * max(decay, 0.01)
