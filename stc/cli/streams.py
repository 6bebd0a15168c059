"""Standard streams, whatever state the process was started in.

A descriptor of 0 to 2 that is closed would be given to the next file that is opened, and messages
would land in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator

from stc.cli.exit_codes import FileError

NAMES = ("stdin", "stdout", "stderr")

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_closed: set[int] = set()  # descriptors that led nowhere when the command was started


def prepare() -> None:
    """Open standard streams that are closed on the null device, and let the others print any name.

    What is then written to stdout or stderr is lost, as whoever closed them wants; a verb whose
    data go there fails (`descriptor`).
    """
    for number, name in enumerate(NAMES):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            _closed.add(number)
        if getattr(sys, name) is None:
            _closed.add(number)
            source = number if _leads_nowhere(number) else os.devnull
            mode = "w" if number else "r"
            stream = open(source, mode, encoding="utf-8", closefd=source != number)  # noqa: SIM115
            setattr(sys, name, stream)
        stream = getattr(sys, name)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def descriptor(name: str, dash: int) -> int | None:
    """The number of the open file that a name stands for, or None for a name of another kind.

    name: `-`, /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N. Opening such a name fails for a
        socket, and begins a file anew.
    dash: what `-` stands for.
    """
    if name == "-":
        return dash
    if os.name != "posix":
        return None
    for number, stream in enumerate(NAMES):
        if name == f"/dev/{stream}":
            return number
    found = _DESCRIPTOR.fullmatch(name)
    return int(found[1]) if found else None


def read(number: int, size: int) -> bytes:
    """The rest of an open file: `size` bytes at most, or all if that is -1.

    Raises FileError if the stream was closed, OSError.
    """
    _check_open(number)
    with _blocking(number):
        if number == 0:
            return bytes(sys.stdin.buffer.read(size))
        with open(number, "rb", closefd=False) as file:
            return file.read(size)


def write(number: int, data: bytes) -> None:
    """Write to an open file. Raises FileError, OSError."""
    _check_open(number)
    with _blocking(number):
        if number in (1, 2):
            stream = sys.stdout if number == 1 else sys.stderr
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
            return
        with open(number, "wb", closefd=False) as file:
            file.write(data)


def check_stdout() -> None:
    """Raise FileError if what a verb has found out cannot be printed, because stdout is closed."""
    _check_open(1)


def say(line: str) -> None:
    """Print to stderr, if that is possible: whether it is must change nothing else."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def finish() -> None:
    """Print what is still to be printed to stdout, so that an error is seen. Raises OSError."""
    sys.stdout.flush()


def abandon() -> None:
    """Drop what cannot be printed, or Python would try again as it exits, and fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def _check_open(number: int) -> None:
    if number in _closed:
        raise FileError(f"{NAMES[number]} is closed: give the name of a file, or open it")


def _leads_nowhere(number: int) -> bool:
    """Whether a descriptor is the null device's, such as `prepare` opened it."""
    return os.path.samestat(os.fstat(number), os.stat(os.devnull))


@contextlib.contextmanager
def _blocking(number: int) -> Iterator[None]:
    """Wait for a slow reader or writer, also where the other side has asked nobody to wait."""
    if os.name != "posix" or not _is_open(number) or os.get_blocking(number):
        yield
        return
    os.set_blocking(number, True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.set_blocking(number, False)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
