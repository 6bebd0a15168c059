"""Errors of inputs, with messages that name the input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stc.cli.exit_codes import FileError, OutputExistsError, UsageError, code_of
from stc.errors import (
    BackendError,
    KeyFileError,
    MissingExtraError,
    ModelError,
    SettingsError,
    StcError,
    WrongModelError,
)


class InputError(StcError):
    """An error of one input, named in the message; the exit code is that of the error."""

    def __init__(self, name: str, error: StcError) -> None:
        super().__init__(f"{'stdin' if name == '-' else name}: {error}")
        self.exit_code = code_of(error)


# Errors that no input causes, and errors whose messages name the file that they are about.
_NOT_OF_AN_INPUT = (
    InputError,
    UsageError,
    OutputExistsError,
    FileError,
    BackendError,
    KeyFileError,
    MissingExtraError,
    ModelError,
    SettingsError,
)


@contextmanager
def about(name: str) -> Iterator[None]:
    """A context for the work on one input: an error that the input caused names it.

    name: of the file, or `-`. Raises InputError in place of such an error.
    """
    try:
        yield
    except StcError as error:
        # A file may need a model that is not installed.
        if isinstance(error, _NOT_OF_AN_INPUT) and not isinstance(error, WrongModelError):
            raise
        raise InputError(name, error) from error


def one_of_many(name: str, error: Exception) -> str:
    """The message for an error of one of several inputs, which always begins with the input."""
    known = "stdin" if name == "-" else name
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = str(error.strerror)
        if str(error.filename) != known:
            text = f"{error.filename}: {text}"
    return text if isinstance(error, InputError) else f"{known}: {text}"
