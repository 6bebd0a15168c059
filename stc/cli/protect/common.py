"""What several subcommands share: which recogniser, which key, faces, records."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.files import read_all
from stc.errors import FormatError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, ProtectedTemplate, Revocations
    from stc.protection.extractors import Extractor

SUFFIX = ".stp"
MOST_BYTES = 1 << 30  # of a file of records


def add_extractor(parser: argparse.ArgumentParser) -> None:
    """The options that say how a face becomes a template."""
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
    parser.add_argument("--key", type=Path, required=True, metavar="KEY", help="from keygen")


def open_extractor(options: argparse.Namespace) -> Extractor:
    from stc.protection.extractors import open_extractor

    return open_extractor(options.recogniser, options.head)


def template_of(name: str, extractor: Extractor) -> GroupedTemplate:
    """The template of the one face in a picture. Raises ImageError, FaceError."""
    from stc.imaging import frame

    return extractor.template(frame(io.BytesIO(read_all(name))))


def read_records(names: list[str]) -> list[ProtectedTemplate]:
    """All records of some files, each of which may hold many. Raises FormatError."""
    from stc.protection.container import unpack_all

    records: list[ProtectedTemplate] = []
    for name in names:
        try:
            found = unpack_all(read_all(name, MOST_BYTES))
        except FormatError as error:
            raise type(error)(f"{name}: {error}") from error
        records += found
    return records


def read_revoked(path: Path | None) -> Revocations | None:
    """The list of revoked records; a file that is not there yet is an empty list."""
    from stc.protection import Revocations

    if path is None:
        return None
    return Revocations.from_text(path.read_text()) if path.exists() else Revocations()


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
