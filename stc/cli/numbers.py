"""Types of numeric options for argparse, which reports their errors."""

from __future__ import annotations

import argparse
import math


def int_in_range(text: str, least: int, most: int) -> int:
    """Parse an integer from `least` to `most`, both at least 0.

    Raises argparse.ArgumentTypeError for other text.
    """
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text} is not an integer from {least} to {most}")
    return int(text)


def positive(text: str) -> int:
    """Parse an integer of at least 1. Raises ArgumentTypeError, or ValueError for other text."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def finite(text: str) -> float:
    """Parse a finite number. Raises ArgumentTypeError, or ValueError for other text."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def share(text: str) -> float:
    """Parse a number from 0 to 1. Raises ArgumentTypeError, or ValueError for other text."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return number
