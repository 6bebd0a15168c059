"""Exit codes: the meaning of each, the code of each error, and errors of the command line.

Help, the manual page and docs/cli.md repeat MEANINGS; a test compares them.
"""

from __future__ import annotations

from stc.errors import StcError

MEANINGS = {
    0: "success",
    1: "any other failure",
    2: "invalid arguments",
    3: "no usable face in the picture",
    4: "not a valid .stc file",
    5: "the byte limit is too small",
    6: "the model is missing or does not match",
    7: "the input is not a readable picture",
    8: "a template cannot be protected or matched",
    9: "the quality is below --min-quality",
    10: "the output exists; --force overwrites it",
    11: "a file cannot be read or written",
    12: "a required library or backend is not available",
    130: "interrupted",
}


class UsageError(StcError):
    """File names that contradict each other, or whose ending is no known format."""

    exit_code = 2


class OutputExistsError(StcError):
    """The output file exists already, and --force was not given."""

    exit_code = 10


class FileError(StcError):
    """A file, folder or stream that cannot be read or written."""

    exit_code = 11


def code_of(error: Exception) -> int:
    """The exit code of an error, whether it ends the command or the work on one input."""
    if isinstance(error, StcError):
        return error.exit_code
    return FileError.exit_code if isinstance(error, OSError) else StcError.exit_code


def table() -> str:
    """All exit codes and their meanings, one on each line."""
    return "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
