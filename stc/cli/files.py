"""Inputs and outputs on the command line: `-`, many files, limits, and one job for each pair."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stc.bitstream import MAX_BYTES, has_header
from stc.errors import ImageError, StcError

MAX_PICTURE = 1 << 26  # bytes; longer pictures are refused
_MAX_BARE = 1024  # bytes; no bare file is longer


def add_paths(parser: argparse.ArgumentParser, what: str, *, required: bool = True) -> None:
    """Add the inputs, the output and --force, for a verb that turns files into files.

    `what` describes an input in the help.
    """
    parser.add_argument("inputs", nargs="+", metavar="IN", help=f"{what}, or - for stdin")
    parser.add_argument(
        "-o",
        "--output",
        required=required,
        metavar="OUT",
        help="file to write, - for stdout, or a folder for many inputs",
    )
    add_force(parser)


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add --force, without which `check_target` and `write_atomically` keep files that exist."""
    parser.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")


def read_all(name: str, limit: int | None = None) -> bytes:
    """The bytes of a file or of stdin, the first `limit` of them if that is given."""
    size = -1 if limit is None else limit
    if name == "-":
        return sys.stdin.buffer.read(size)
    with open(name, "rb") as file:
        return file.read(size)


def read_face(name: str, *, bare: bool = False) -> bytes:
    """The bytes of a .stc file, or of the one whose QR code a picture shows.

    Input that is neither is returned as it is, for the parser of .stc files to refuse. Raises
    FormatError, ImageError, MissingExtraError, OSError.
    """
    data = read_all(name, MAX_PICTURE + 1)
    if not is_picture(data, bare=bare):
        return data[:MAX_BYTES]
    check_length(data)
    from stc.carriers import qr

    return qr.read(data, bare=bare)


def is_picture(data: bytes, *, bare: bool) -> bool:
    """Whether an input is a picture rather than a .stc file, which may be a bare one if `bare`."""
    # PNG and JPEG begin with these bytes, and no picture of another kind is so short.
    short = len(data) <= _MAX_BARE and data[:1] not in (b"\x89", b"\xff")
    if has_header(data) or (bare and short):
        return False
    from stc.carriers import qr

    return qr.is_picture(data)


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
    """Raise StcError if `name` cannot be written: it exists and `force` is not given, or its folder
    does not exist."""
    if name == "-" or is_device(name):
        return
    if not force and os.path.isfile(name):
        raise already_exists(name)
    path = Path(os.path.realpath(name))
    if not path.parent.is_dir():
        raise StcError(f"there is no folder {path.parent} to write {path.name} into")


def is_device(name: str) -> bool:
    """Whether a name leads to a device, a pipe or anything else that is not a regular file."""
    return os.path.exists(name) and not os.path.isfile(name)


def already_exists(name: str) -> StcError:
    """The error for an output that exists and must be kept."""
    return StcError(f"{name} exists: give --force to overwrite it, or another name")


def pair_up(inputs: list[str], output: str, suffix: str) -> list[tuple[str, str]]:
    """Each input with the path it is written to. Raises StcError when two would meet."""
    folder = Path(output)
    if not folder.is_dir() and not output.endswith(("/", os.sep)):
        if len(inputs) > 1:
            raise StcError(f"{len(inputs)} inputs need a folder: give -o {output}/")
        return [(inputs[0], output)]
    if "-" in inputs:
        raise StcError("stdin has no name to give the file in a folder: give -o FILE")
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(name, str(folder / f"{Path(name).stem}{suffix}")) for name in inputs]
    seen: dict[str, str] = {}
    for name, target in pairs:
        if target in seen:
            raise StcError(f"{seen[target]} and {name} would both be written to {target}")
        seen[target] = name
    return pairs


def same_file(first: str, second: str) -> bool:
    """Whether two names are one file."""
    return "-" not in (first, second) and os.path.realpath(first) == os.path.realpath(second)


def for_each(
    pairs: list[tuple[str, str]],
    work: Callable[[str, str], str],
    options: argparse.Namespace,
) -> int:
    """Run work(input, output) for every pair; one failure does not stop the rest.

    Prints the line that work returns, to stderr if stdout carries data. Returns the exit code of
    the first failure, or 0.
    """
    code = 0
    for name, target in _progress(pairs, options):
        try:
            if same_file(name, target):
                raise StcError(f"{name} is both input and output")
            check_target(target, force=options.force)
            line = work(name, target)
        except (StcError, OSError) as error:
            if len(pairs) == 1:
                raise
            _print(f"stc: error: {name}: {error}", sys.stderr)
            code = code or getattr(error, "exit_code", 1)
            continue
        if not options.quiet:
            _print(line, sys.stderr if target == "-" else sys.stdout)
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
