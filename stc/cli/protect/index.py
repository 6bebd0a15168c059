"""`stc protect index`: an index of many records, for fast search."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.files import (
    add_force,
    already_exists,
    check_apart,
    check_target,
    is_device,
    real_path,
)
from stc.cli.numbers import positive
from stc.cli.printing import shown
from stc.cli.protect.common import add_key, new_parser, read_records
from stc.errors import StcError


def add_parser(verbs: Any) -> None:
    """Add `stc protect index` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "index",
        "make an index of many records, which stc protect match searches faster",
        epilog="The index contains the records, and sketches of them that are encrypted with the "
        "key. After\nrecords are enrolled, renewed or deleted, make a new index. After revocation "
        "that is not\nnecessary: stc protect match --revoked skips revoked records.\n\n"
        "example:\n  stc protect index records/*.stp --key face.key -o people.index",
    )
    parser.add_argument("records", nargs="+", metavar="RECORD", help="files of one or more records")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="INDEX")
    add_force(parser)
    add_key(parser)
    parser.add_argument(
        "--dimensions",
        type=positive,
        default=128,
        metavar="D",
        help="dimensions of a sketch, 1 byte each; more find more, but take longer; 128",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the index -> 0. Raises StcError, OSError."""
    from stc.protection import Key, write_index
    from stc.protection.new_file import being_written

    output = options.output
    if is_device(str(output)):
        raise StcError(f"{output}: an index cannot be written to a stream: give a new file")
    for name in (*options.records, str(options.key)):
        check_apart(name, str(output))
    check_target(str(output), force=options.force)
    key = Key.load(options.key)
    try:
        with being_written(real_path(str(output)), force=options.force) as file:
            count = write_index(file, read_records(options.records), key, options.dimensions)
            size = file.seek(0, 2)
    except FileExistsError:
        raise already_exists(str(output)) from None
    if not options.quiet:
        print(shown(f"{output}: {size} bytes, {count} records"))
    return 0
