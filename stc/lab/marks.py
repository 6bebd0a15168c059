"""Replaces the part of a page that a program makes, between two marks."""

from __future__ import annotations

from stc.errors import DataError


def between(page: str, begin: str, end: str, made: str, name: object) -> str:
    """Return the text of a page with `made` between the marks `begin` and `end`.

    name: the page's name in the message. Raises DataError if a mark is missing.
    """
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise DataError(f"{name} lacks the marks {begin} and {end}")
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"
