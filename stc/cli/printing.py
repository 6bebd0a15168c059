"""Escaping of control characters in printed text, such as those in file names."""

from __future__ import annotations

import logging


def shown(text: str) -> str:
    """Escape text so that it stays on one line and contains no control characters.

    Characters that are not printable become Python's escape sequences. Bytes of a file name that
    its encoding cannot decode (surrogate escapes) become \\xff.
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def shown_lines(text: str) -> str:
    """Apply `shown` to each line of a text."""
    return "\n".join(map(shown, text.split("\n")))


class Formatter(logging.Formatter):
    """A log formatter that escapes control characters."""

    def format(self, record: logging.LogRecord) -> str:
        return shown_lines(super().format(record))


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a surrogate escape: a byte that is no valid text
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()
