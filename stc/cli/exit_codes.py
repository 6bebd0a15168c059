"""Exit codes: what each says, which one an error gives, and the errors of the command line itself.

Help, manual page and docs/cli.md have MEANINGS; a test holds them together.
"""

from __future__ import annotations

from stc.errors import StcError

MEANINGS = {
    0: "all went well",
    1: "any other failure",
    2: "the command was typed wrongly",
    3: "no usable face in the picture",
    4: "not a sound .stc file",
    5: "the byte limit is too small",
    6: "the model is missing or another one",
    7: "the input is not a readable picture",
    8: "a template cannot be protected or matched",
    9: "less is kept than --min-quality",
    10: "the output exists; --force overwrites it",
    11: "a file cannot be read or written",
    12: "a library or backend that is needed cannot be used here",
    130: "interrupted",
}


class UsageError(StcError):
    """Names of files that contradict each other, or that stand for no format."""

    exit_code = 2


class OutputExistsError(StcError):
    """The file that is to be written is there already, and must be kept."""

    exit_code = 10


class FileError(StcError):
    """A file, folder or stream that cannot be read or written."""

    exit_code = 11


def code_of(error: Exception) -> int:
    """The exit code of an error that ends the command, or one of many inputs."""
    if isinstance(error, StcError):
        return error.exit_code
    return FileError.exit_code if isinstance(error, OSError) else StcError.exit_code


def table() -> str:
    """All codes and what they say, a line each."""
    return "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
