"""Replaces the traceback of a missing library with one line that tells how to install it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from stc.errors import MissingExtraError, StcError
from stc.install_hint import install_hint


@contextmanager
def needs_lab() -> Iterator[None]:
    """Raise MissingExtraError if an import inside fails because an extra library is missing.

    An import error of a module of STC itself is a bug and is raised unchanged.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "stc"):
            raise
        raise MissingExtraError(f"{name} is missing: {install_hint('lab')}") from error


def run_command(module: str) -> None:
    """Run the function `main` of a module as a program.

    An StcError or OSError ends it with one line on standard error and exit code 1.
    """
    try:
        with needs_lab():
            import_module(module).main()
    except (StcError, OSError) as error:
        sys.exit(f"error: {error}")
