"""Standard streams, also where the process was started with some of them closed.

The system gives a closed descriptor 0, 1 or 2 to the next file that is opened; messages would then
be written into that file.
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
_closed: set[int] = set()  # descriptors that were closed when the command was started


def prepare() -> None:
    """Open closed standard streams on the null device; let stdout and stderr print any file name.

    Messages written to a stream that was closed are lost. A verb that reads or writes its data
    there fails: `read`, `write` and `check_stdout` raise FileError.
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
    """The number of the open descriptor that a name denotes, or None for other names.

    name: `-`, /dev/stdin, /dev/stdout, /dev/stderr or /dev/fd/N. The descriptor is used since
        opening such a name fails for a socket, and resets the position in a file.
    dash: the descriptor that `-` denotes.
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


def name_of(number: int) -> str:
    """The name of a descriptor for messages: stdin, stdout, stderr or /dev/fd/N."""
    return NAMES[number] if number < len(NAMES) else f"/dev/fd/{number}"


def read(number: int, size: int) -> bytes:
    """Read at most `size` bytes from an open descriptor, or all that is left if size is -1.

    Raises FileError if the stream was closed at the start, OSError with the stream's name.
    """
    _check_open(number)
    try:
        with _blocking(number):
            if number == 0:
                return bytes(sys.stdin.buffer.read(size))
            with open(number, "rb", closefd=False) as file:
                return file.read(size)
    except OSError as error:  # name the stream
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), name_of(number)) from error


def write(number: int, data: bytes) -> None:
    """Write to an open descriptor.

    Raises FileError if the stream was closed at the start, OSError.
    """
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
    """Raise FileError if stdout was closed at the start, for verbs that print their results."""
    _check_open(1)


def say(line: str) -> None:
    """Print a line to stderr; failures are ignored."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def finish() -> None:
    """Flush stdout, so that a failed write is reported. Raises OSError with the stream's name."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), NAMES[1]) from error


def abandon() -> None:
    """Discard output that cannot be written: Python would try again on exit, and fail."""
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
    """Whether a descriptor is open on the null device, as `prepare` leaves a closed one."""
    return os.path.samestat(os.fstat(number), os.stat(os.devnull))


@contextlib.contextmanager
def _blocking(number: int) -> Iterator[None]:
    """Make a descriptor blocking meanwhile: another process may have set it non-blocking."""
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
