"""How fast to learn, step by step."""

from __future__ import annotations

import math


def learning_rate(rate: float, step: int, steps: int, warm_up: int) -> float:
    """Up to `rate` in the first `warm_up` steps, then down along a cosine to a hundredth of it."""
    warm = min(1.0, (step + 1) / warm_up)
    decay = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps))
    return rate * warm * max(decay, 0.01)
