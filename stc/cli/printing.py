"""Text that any terminal can take, whatever names of files are in it."""

from __future__ import annotations

import logging


def shown(text: str) -> str:
    """Text on one line that does nothing to a terminal.

    Line ends, escape sequences and whatever else is not printable are written as in Python; bytes
    of a file's name that are no text in its encoding as \\xff.
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def shown_lines(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(map(shown, text.split("\n")))


class Formatter(logging.Formatter):
    """Lines of a log that do nothing to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return shown_lines(super().format(record))


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as Python puts it into names
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()
