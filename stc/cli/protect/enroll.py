"""`stc protect enroll`: pictures -> protected records."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import Any

from stc.cli.files import add_paths, check_apart, for_each, pair_up
from stc.cli.protect.common import (
    SUFFIX,
    add_extractor,
    add_key,
    add_protection,
    new_parser,
    open_extractor,
    template_of,
)
from stc.cli.writing import write_atomically
from stc.errors import StcError


def add_parser(verbs: Any) -> None:
    """Add `stc protect enroll` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "enroll",
        "make protected records of the faces in pictures",
        epilog="The id of a record is public. Without --id, it is the picture's name and 12 random "
        "digits.\n Never use an --id twice with one key: both records would have the same "
        "noise, and\nshow whether they belong to one person. Replace an existing record by stc "
        "protect renew,\nwhich revokes it; after --force, copies of the old record still match."
        "\n\nexamples:\n  stc protect enroll alice.jpg --key face.key --id 4711 -o alice.stp\n"
        "  stc protect enroll photos/*.jpg --key face.key -o records/",
    )
    add_paths(parser, "picture: JPEG, PNG, WebP, TIFF and others")
    add_key(parser)
    add_extractor(parser)
    parser.add_argument("--id", metavar="ID", help="id of the record, for a single picture")
    add_protection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write a record for every picture -> the exit code. Raises StcError, OSError."""
    from stc.protection import Key, protect

    pairs = pair_up(options.inputs, options.output, SUFFIX)
    if options.id is not None and len(pairs) > 1:
        raise StcError(f"--id is for one picture, not for {len(pairs)}: leave it out")
    key, extractor = Key.load(options.key), open_extractor(options)

    def work(name: str, target: str) -> str:
        check_apart(str(options.key), target)
        record_id = options.id
        if record_id is None:
            record_id = new_id("stdin" if name == "-" else Path(name).stem)
        template = template_of(name, extractor, options)
        record = protect(template, key, record_id, options.alpha, options.drop)
        data = record.to_bytes(options.bits)
        write_atomically(target, data, force=options.force, in_place=False)
        return f"{target}: {len(data)} bytes, record {record.label}"

    return for_each(pairs, work, options)


def new_id(name: str) -> str:
    """A new id: a name, shortened to 48 bytes, and 12 random hexadecimal digits."""
    short = name.encode(errors="replace")[:48].decode(errors="ignore")
    return f"{short}-{secrets.token_hex(6)}"
