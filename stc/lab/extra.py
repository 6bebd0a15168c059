"""One line for a library that is not there, in place of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stc.errors import MissingExtraError
from stc.install_hint import install_hint


@contextmanager
def needs_lab() -> Iterator[None]:
    """Raise MissingExtraError where a library of the extra `lab` is missing.

    A module of STC itself that is missing is a fault of STC, and goes through.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "stc"):
            raise
        raise MissingExtraError(f"{name} is missing: {install_hint('lab')}") from error
