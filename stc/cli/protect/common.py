"""What the verbs of `stc protect` share: options for recogniser and key, faces, records."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from stc.cli.files import is_device, read_all, read_picture
from stc.cli.numbers import share
from stc.errors import CorruptError, FormatError, StcError, TemplateError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, ProtectedTemplate
    from stc.protection.extractors import Extractor

SUFFIX = ".stp"
MAX_STREAM = 1 << 26  # bytes of records that come from a stream, which are read at once


def add_extractor(parser: argparse.ArgumentParser) -> None:
    """Add the options for recogniser and head, which turn a face into a template."""
    parser.add_argument(
        "--recogniser",
        default="dlib",
        metavar="R",
        help="dlib, or NAME=FILE.onnx with a description in FILE.toml beside it",
    )
    parser.add_argument(
        "--head",
        metavar="FILE",
        help="`spread` projects the embedding onto 49 groups (if not given), `plain` cuts it, "
        "`map` is the head that ships; or a head from `stc protect fit`",
    )


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add the option for the file of the secret key."""
    parser.add_argument("--key", type=Path, required=True, metavar="KEY", help="from keygen")


def add_protection(parser: argparse.ArgumentParser) -> None:
    """Add the options for how a record is made."""
    parser.add_argument("--alpha", type=share, default=0.9, help="how far to turn; 0.9")
    parser.add_argument("--drop", type=share, default=0.5, help="share of dimensions dropped; 0.5")
    parser.add_argument(
        "--bits", type=int, choices=range(2, 9), default=8, help="of a dimension, 2 to 8; 8"
    )


def open_extractor(options: argparse.Namespace) -> Extractor:
    """The extractor that the options of `add_extractor` name. Raises as stc.protection's does."""
    from stc.protection.extractors import open_extractor

    return open_extractor(options.recogniser, options.head)


def template_of(name: str, extractor: Extractor) -> GroupedTemplate:
    """The template of the one face in a picture. Raises ImageError, FaceError."""
    from stc.imaging import frame

    return extractor.template(frame(io.BytesIO(read_picture(name))))


def read_records(
    names: list[str], shape: tuple[int, int] | None = None
) -> Iterator[ProtectedTemplate]:
    """All records of some files, each of which may hold many, one after the other.

    No more than a part of a file is in memory. Raises FormatError; TemplateError for a record of
    another shape, if one is given; OSError.
    """
    from stc.protection import read_records as read

    for name in names:
        with _opened(name) as file:
            try:
                yield from read(file, shape)
            except (FormatError, TemplateError) as error:
                raise type(error)(f"{name}: {error}") from error


def read_record(name: str) -> ProtectedTemplate:
    """The one record of a file. Raises FormatError; StcError if there are none or several."""
    records = list(islice(read_records([name]), 2))
    if len(records) != 1:
        found = "several" if records else "none"
        raise StcError(f"{name} must hold one record, not {found}")
    return records[0]


def _opened(name: str) -> BinaryIO:
    """A file, or what is left of a stream. Raises CorruptError for an endless one, OSError."""
    if not is_device(name):
        return open(name, "rb")
    data = read_all(name, MAX_STREAM + 1)
    if len(data) > MAX_STREAM:
        raise CorruptError(f"{name}: more than {MAX_STREAM} bytes are not read from a stream")
    return io.BytesIO(data)


def new_parser(verbs: Any, name: str, what: str, **more: Any) -> argparse.ArgumentParser:
    """A subcommand's parser, whose help is the sentence that describes it."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **more,
    )
    return parser
