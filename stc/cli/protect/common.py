"""Shared by the subcommands of `stc protect`: options for recogniser and key, faces, records."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from stc.cli.files import is_device, read_all, read_picture
from stc.cli.numbers import share
from stc.cli.settings import add_framing
from stc.errors import CorruptError, FormatError, StcError, TemplateError, TruncatedError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, ProtectedTemplate
    from stc.protection.extractors import Extractor

SUFFIX = ".stp"
MAX_STREAM = 1 << 26  # bytes of records from a stream, which is read into memory as a whole


def add_extractor(parser: argparse.ArgumentParser) -> None:
    """Add the options that compute the template of a face from a picture.

    These are --recogniser and --head, and --align and --face, which choose the face.
    """
    parser.add_argument(
        "--recogniser",
        default="dlib",
        metavar="R",
        help="recognition model: dlib, or NAME=FILE.onnx with its description in FILE.toml",
    )
    parser.add_argument(
        "--head",
        metavar="FILE",
        help="`spread` (default) projects the embedding onto 49 groups, `plain` splits it, `map` "
        "is the packaged head; or a head file from `stc protect fit`",
    )
    add_framing(parser)


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add --key, the file of the secret key."""
    parser.add_argument(
        "--key", type=Path, required=True, metavar="KEY", help="key file from keygen"
    )


def add_protection(parser: argparse.ArgumentParser) -> None:
    """Add --alpha, --drop and --bits, the parameters of a record."""
    parser.add_argument(
        "--alpha", type=share, default=0.9, help="share of the rotation to the noise; 0.9"
    )
    parser.add_argument("--drop", type=share, default=0.5, help="share of dimensions left out; 0.5")
    parser.add_argument(
        "--bits", type=int, choices=range(2, 9), default=8, help="bits per dimension, 2 to 8; 8"
    )


def open_extractor(options: argparse.Namespace) -> Extractor:
    """The extractor of the options of `add_extractor`.

    Raises the errors of `stc.protection.extractors.open_extractor`.
    """
    from stc.protection.extractors import open_extractor

    return open_extractor(options.recogniser, options.head)


def template_of(name: str, extractor: Extractor, options: argparse.Namespace) -> GroupedTemplate:
    """The template of the face in a picture file that --align and --face of `options` choose.

    Raises ImageError, FaceError, ModelError if the recognition model fails on it, OSError.
    """
    from stc.imaging import frame

    picture = io.BytesIO(read_picture(name))
    return extractor.template(frame(picture, options.align, options.face))


def read_records(
    names: list[str], shape: tuple[int, int] | None = None
) -> Iterator[ProtectedTemplate]:
    """Yield the records of files that hold one or more records each.

    Files are read in parts, streams as a whole. Raises FormatError, also for a file without a
    record; TemplateError for a record whose shape is not `shape`, if that is given; OSError.
    """
    from stc.protection import read_records as read

    for name in names:
        empty = True
        with _opened(name) as file:
            try:
                for record in read(file, shape):
                    empty = False
                    yield record
            except (FormatError, TemplateError) as error:
                raise type(error)(f"{name}: {error}") from error
        if empty:
            raise TruncatedError(f"{'stdin' if name == '-' else name} is empty: it has no record")


def read_record(name: str) -> ProtectedTemplate:
    """The only record of a file. Raises FormatError, StcError for several, OSError."""
    records = list(islice(read_records([name]), 2))
    if len(records) != 1:
        raise StcError(f"{name} must hold one record, not several")
    return records[0]


def _opened(name: str) -> BinaryIO:
    """Open a file, or read a stream. Raises CorruptError for one that is too long, OSError."""
    if not is_device(name):
        return open(name, "rb")
    data = read_all(name, MAX_STREAM + 1)
    if len(data) > MAX_STREAM:
        raise CorruptError(f"{name}: the stream has more than {MAX_STREAM} bytes: give a file")
    return io.BytesIO(data)


def new_parser(verbs: Any, name: str, what: str, **more: Any) -> argparse.ArgumentParser:
    """Add the parser of a subcommand; `what` is its help and, as a sentence, its description."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **more,
    )
    return parser
