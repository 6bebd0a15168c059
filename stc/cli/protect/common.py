"""What the verbs of `stc protect` share: options for recogniser and key, faces, records."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.files import read_all, read_picture
from stc.errors import CorruptError, FormatError, TemplateError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, ProtectedTemplate, Revocations
    from stc.protection.extractors import Extractor

SUFFIX = ".stp"
MAX_BYTES = 1 << 30  # of a file of records


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

    Raises FormatError; TemplateError for a record of another shape, if one is given.
    """
    from stc.protection import read_records as read

    for name in names:
        data = read_all(name, MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CorruptError(f"{name}: more than {MAX_BYTES} bytes are not read at once")
        try:
            yield from read(data, shape)
        except (FormatError, TemplateError) as error:
            raise type(error)(f"{name}: {error}") from error


def read_revoked(path: Path) -> Revocations:
    """The list of revoked records. Raises CorruptError, OSError."""
    from stc.protection import Revocations

    try:
        return Revocations.from_text(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CorruptError(f"{path} is not a list of revoked records: {error}") from error


def add_revoked(path: Path, record: ProtectedTemplate) -> None:
    """Add a line to the list, which is begun if it is not there. Raises OSError.

    Appended and not rewritten, so that two who revoke at once lose nothing.
    """
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, 2)
        line = f"{record.tag.hex()}\n"
        last = file.read(1)
        file.write((line if last in (b"", b"\n") else f"\n{line}").encode())
        file.flush()
        os.fsync(file.fileno())


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
