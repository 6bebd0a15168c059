"""Inputs and outputs on the command line: `-`, many files, size limits, a loop over all inputs."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stc.bitstream import has_header
from stc.carriers.reading import is_picture, read_carried
from stc.cli import streams
from stc.cli.exit_codes import FileError, OutputExistsError, UsageError, code_of
from stc.cli.naming import InputError, about, one_of_many
from stc.cli.printing import shown, shown_lines
from stc.errors import ImageError, MissingExtraError, NoCodeError, StcError

MAX_PICTURE = 1 << 26  # bytes; longer pictures are refused


def add_paths(parser: argparse.ArgumentParser, what: str, *, unnamed: str | None = None) -> None:
    """Add the inputs, --output and --force, for a verb that converts files to files.

    what: describes an input in the help.
    unnamed: describes the default output in the help; if None, --output is required.
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
    """Add --force, without which `check_target` and `write_atomically` keep existing files."""
    parser.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")


def read_all(name: str, limit: int | None = None) -> bytes:
    """Read a file or stdin (`-`) -> its bytes, at most the first `limit` of them if not None.

    Raises FileError if stdin is closed, OSError.
    """
    size = -1 if limit is None else limit
    number = streams.descriptor(name, 0)
    if number is not None:
        return streams.read(number, size)
    with open(name, "rb") as file:
        return file.read(size)


def read_face(name: str, *, bare: bool = False) -> bytes:
    """Read a .stc file, also from a QR code's picture, its text or a tag's memory -> its bytes.

    Raises InputError for other input, with the exit code of FormatError, ImageError or
    MissingExtraError; OSError.
    """
    data = read_all(name, MAX_PICTURE + 1)
    with about(name):
        if not has_header(data):
            check_length(data)
        try:
            return read_carried(data, bare=bare)
        except NoCodeError as error:
            raise NoCodeError(f"{error}; to encode the face in it, use stc encode") from error
        except MissingExtraError as error:
            if not is_picture(data):
                raise
            raise InputError(
                name,
                MissingExtraError(
                    "the file is a picture: to encode the face in it, use stc encode; to read a QR "
                    f"code in it, install the extra that is needed: {error}"
                ),
            ) from error


def read_picture(name: str) -> bytes:
    """Read a picture file. Raises ImageError if it has more than MAX_PICTURE bytes, OSError."""
    data = read_all(name, MAX_PICTURE + 1)
    check_length(data)
    return data


def check_length(data: bytes) -> None:
    """Raise ImageError for a picture of more than MAX_PICTURE bytes."""
    if len(data) > MAX_PICTURE:
        raise ImageError(f"the picture has more than {MAX_PICTURE} bytes: make it smaller")


def check_target(name: str, *, force: bool) -> None:
    """Check that an output can be written.

    Raises OutputExistsError for an existing file without `force`; FileError for a folder, for a
    file in a folder that does not exist, and for a terminal without `force`.
    """
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
    """The absolute path of a name, with symbolic links resolved.

    Raises FileError if the current folder was removed.
    """
    try:
        return Path(os.path.realpath(name))
    except FileNotFoundError:
        raise FileError(f"{name}: the current folder was removed: give an absolute path") from None


def is_device(name: str) -> bool:
    """Whether a name denotes a stream, pipe, device or socket rather than a file or folder."""
    if streams.descriptor(name, 1) is not None:
        return True
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def is_stdout(name: str) -> bool:
    """Whether data written to a name would be mixed with messages printed to stdout."""
    if streams.descriptor(name, 1) == 1:
        return True
    found = _stat(name, 1) if is_device(name) else None
    printed = _stat("-", 1)
    if found is None or printed is None or stat.S_ISCHR(found.st_mode):
        return False
    return os.path.samestat(found, printed)


def _stat(name: str, dash: int) -> os.stat_result | None:
    """The status of a file or, for `-`, of the descriptor `dash`; None if there is none."""
    number = streams.descriptor(name, dash)
    try:
        return os.stat(name) if number is None else os.fstat(number)
    except OSError:
        return None


def already_exists(name: str) -> OutputExistsError:
    """The error for an output that exists and must be kept."""
    return OutputExistsError(f"{name} exists: give --force to overwrite it, or another name")


def pair_up(inputs: list[str], output: str | None, suffix: str) -> list[tuple[str, str]]:
    """Pair each input with its output path -> a list of (input, output).

    output: a file; a folder, which is created if it ends with a slash or there are several inputs;
        or None for the name of each input with its ending replaced by `suffix`, and for stdout
        where the input is a stream.

    Raises UsageError if two inputs would have one output, if several inputs have no folder, if
    stdin would need a name in a folder, or if `output` is empty; OSError.
    """
    if output == "":
        raise UsageError("the name of an output is empty")
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
    """The name of an input with its ending replaced by `suffix`; `-` for streams and devices."""
    return "-" if is_device(name) else str(Path(name).parent / f"{Path(name).stem}{suffix}")


def check_apart(name: str, target: str) -> None:
    """Raise UsageError if the input and the output are the same file."""
    if same_file(name, target):
        raise UsageError(f"{name} is both input and output: give -o with another name")


def same_file(first: str, second: str) -> bool:
    """Whether two names denote the same regular file; `-` is stdin first and stdout second."""
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
    """Run work(input, output) for every pair -> the exit code of the first failure, or 0.

    Prints the text that each call returns; to stderr if data are written to stdout. Of several
    inputs, those after a failure are still processed; the error of a single input is raised, as
    InputError if the input caused it.
    """
    code = 0
    written = [target for _, target in pairs] + [getattr(options, "qr", None) or ""]
    messages = sys.stderr if any(map(is_stdout, written)) else sys.stdout
    for name, target in _progress(pairs, options):
        try:
            check_apart(name, target)
            check_target(target, force=options.force)
            with about(name):
                line = work(name, target)
        except (StcError, OSError) as error:
            if len(pairs) == 1:
                raise
            with contextlib.suppress(OSError):  # a closed stderr must not stop the others
                _print(f"stc: error: {shown(one_of_many(name, error))}", sys.stderr)
            code = code or code_of(error)
            continue
        if not options.quiet:
            # Escaped here, so that verbs can insert the output's name as it is.
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
