"""Inputs and outputs on the command line: `-`, many files, limits, and one job for each pair."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stc.bitstream import has_header
from stc.carriers.reading import read_carried
from stc.cli import streams
from stc.cli.exit_codes import FileError, OutputExistsError, UsageError, code_of
from stc.cli.printing import shown, shown_lines
from stc.errors import ImageError, StcError

MAX_PICTURE = 1 << 26  # bytes; longer pictures are refused


def add_paths(parser: argparse.ArgumentParser, what: str, *, unnamed: str | None = None) -> None:
    """Add the inputs, the output and --force, for a verb that turns files into files.

    what: describes an input in the help.
    unnamed: what is written where nobody says; without it the output must be given.
    """
    parser.add_argument("inputs", nargs="+", metavar="IN", help=f"{what}, or - for stdin")
    parser.add_argument(
        "-o",
        "--output",
        required=unnamed is None,
        metavar="OUT",
        help="file to write, - for stdout, or a folder for many inputs"
        + (f"; {unnamed} if not given" if unnamed else ""),
    )
    add_force(parser)


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add --force, without which `check_target` and `write_atomically` keep files that exist."""
    parser.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")


def read_all(name: str, limit: int | None = None) -> bytes:
    """The bytes of a file or of stdin, the first `limit` of them if that is given.

    Raises FileError if stdin is closed, OSError.
    """
    size = -1 if limit is None else limit
    number = streams.descriptor(name, 0)
    if number is not None:
        return streams.read(number, size)
    with open(name, "rb") as file:
        return file.read(size)


def read_face(name: str, *, bare: bool = False) -> bytes:
    """The bytes of a .stc file, or of the one that an input carries: a picture of its QR code, its
    text, a tag's memory.

    Raises FormatError for input that is nothing of that, ImageError, MissingExtraError, OSError.
    """
    data = read_all(name, MAX_PICTURE + 1)
    if not has_header(data):
        check_length(data)
    return read_carried(data, bare=bare)


def read_picture(name: str) -> bytes:
    """The bytes of a picture. Raises ImageError if there are more than MAX_PICTURE, OSError."""
    data = read_all(name, MAX_PICTURE + 1)
    check_length(data)
    return data


def check_length(data: bytes) -> None:
    """Raise ImageError for a picture of more than MAX_PICTURE bytes."""
    if len(data) > MAX_PICTURE:
        raise ImageError(f"the picture has more than {MAX_PICTURE} bytes: make it smaller")


def check_target(name: str, *, force: bool) -> None:
    """Raise OutputExistsError if `name` exists and `force` is not given; FileError if it is a
    folder, its folder does not exist, or it is a terminal, which shows no bytes, unless `force`."""
    if is_device(name):
        number = streams.descriptor(name, 1)
        if number is not None and not force and os.isatty(number):
            raise FileError("stdout is a terminal: give -o OUT, or --force to write bytes to it")
        return
    if os.path.isdir(name):
        raise FileError(f"{name} is a folder: give the name of a file")
    if not force and os.path.isfile(name):
        raise already_exists(name)
    path = real_path(name)
    if not path.parent.is_dir():
        raise FileError(f"there is no folder {path.parent} to write {path.name} into")


def real_path(name: str) -> Path:
    """The path that a name leads to, links followed. Raises FileError."""
    try:
        return Path(os.path.realpath(name))
    except FileNotFoundError:
        raise FileError(f"{name}: the current folder is gone: give a path from / on") from None


def is_device(name: str) -> bool:
    """Whether what is written to a name goes through: to a stream, a pipe, a device, a socket."""
    if streams.descriptor(name, 1) is not None:
        return True
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def is_stdout(name: str) -> bool:
    """Whether what is written to a name meets what is printed on stdout."""
    if streams.descriptor(name, 1) == 1:
        return True
    found = _stat(name, 1) if is_device(name) else None
    printed = _stat("-", 1)
    if found is None or printed is None or stat.S_ISCHR(found.st_mode):
        return False
    return os.path.samestat(found, printed)


def _stat(name: str, dash: int) -> os.stat_result | None:
    """What the system knows of a file, or None if there is none."""
    number = streams.descriptor(name, dash)
    try:
        return os.stat(name) if number is None else os.fstat(number)
    except OSError:
        return None


def already_exists(name: str) -> OutputExistsError:
    """The error for an output that exists and must be kept."""
    return OutputExistsError(f"{name} exists: give --force to overwrite it, or another name")


def pair_up(inputs: list[str], output: str | None, suffix: str) -> list[tuple[str, str]]:
    """Each input with the path it is written to.

    output: a file, a folder, or None for names with the suffix beside the inputs; what is read from
        a stream is then written to stdout.

    Raises UsageError when two inputs would be written to one file, OSError.
    """
    if output is None:
        pairs = [(name, _beside(name, suffix)) for name in inputs]
    else:
        folder = Path(output)
        if not folder.is_dir() and not output.endswith(("/", os.sep)):
            if len(inputs) > 1:
                raise UsageError(f"{len(inputs)} inputs need a folder: give -o {output}/")
            return [(inputs[0], output)]
        if "-" in inputs:
            raise UsageError("stdin has no name to give the file in a folder: give -o FILE")
        folder.mkdir(parents=True, exist_ok=True)
        pairs = [(name, str(folder / f"{Path(name).stem}{suffix}")) for name in inputs]
    seen: dict[str, str] = {}
    for name, target in pairs:
        if target in seen:
            raise UsageError(f"{seen[target]} and {name} would both be written to {target}")
        seen[target] = name
    return pairs


def _beside(name: str, suffix: str) -> str:
    """The name that an input's gives with another ending; stdout for what has no name."""
    return "-" if is_device(name) else str(Path(name).parent / f"{Path(name).stem}{suffix}")


def check_apart(name: str, target: str) -> None:
    """Raise UsageError if an input is the output too."""
    if same_file(name, target):
        raise UsageError(f"{name} is both input and output: give -o with another name")


def same_file(first: str, second: str) -> bool:
    """Whether an input, or an output, and another output are one file, by whatever names."""
    one, other = _stat(first, 0), _stat(second, 1)
    if one is not None and other is not None:
        return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)
    if is_device(first) or is_device(second):
        return False
    return real_path(first) == real_path(second)


def for_each(
    pairs: list[tuple[str, str]],
    work: Callable[[str, str], str],
    options: argparse.Namespace,
) -> int:
    """Run work(input, output) for every pair; one failure does not stop the rest.

    Prints the lines that work returns, to stderr if stdout carries data. Returns the exit code of
    the first failure, or 0.
    """
    code = 0
    written = [target for _, target in pairs] + [getattr(options, "qr", None) or ""]
    messages = sys.stderr if any(map(is_stdout, written)) else sys.stdout
    for name, target in _progress(pairs, options):
        try:
            check_apart(name, target)
            check_target(target, force=options.force)
            line = work(name, target)
        except (StcError, OSError) as error:
            if len(pairs) == 1:
                raise
            with contextlib.suppress(OSError):  # it changes nothing for the others
                _print(f"stc: error: {shown(f'{name}: {error}')}", sys.stderr)
            code = code or code_of(error)
            continue
        if not options.quiet:
            # A verb need not care what is in the names that it prints.
            _print(shown_lines(line.replace(target, shown(target))), messages)
    return code


def _progress(
    pairs: list[tuple[str, str]], options: argparse.Namespace
) -> Iterator[tuple[str, str]]:
    if len(pairs) == 1 or options.quiet:
        yield from pairs
        return
    from tqdm import tqdm

    yield from tqdm(pairs, desc=options.verb, unit="face", disable=None)


def _print(line: str, stream: object) -> None:
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=stream)
    else:
        print(line, file=stream)  # type: ignore[call-overload]
