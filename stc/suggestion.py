"""Which known name a misspelt one may stand for, for error messages of command line and service."""

from __future__ import annotations

from collections.abc import Iterable

_MAX_COMPARED = 40  # characters of a name


def closest(name: str, known: Iterable[str]) -> str | None:
    """The name in `known` that is most similar to `name`; None if none is similar.

    Case, hyphens and underscores are ignored.

    >>> closest("--maxBytes", ["--max-bytes", "--model"])
    '--max-bytes'
    """
    from difflib import get_close_matches  # not at the top: only errors need it

    plain = {_plain(one): one for one in known}
    likely = get_close_matches(_plain(name)[:_MAX_COMPARED], plain, 1)
    return plain[likely[0]] if likely else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
