"""`stc protect renew`: a new record in place of an old one, which is revoked."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

from stc.cli.files import check_target, same_file
from stc.cli.protect.common import (
    add_extractor,
    add_key,
    add_revoked,
    new_parser,
    open_extractor,
    read_records,
    read_revoked,
    template_of,
)
from stc.cli.writing import write_atomically
from stc.errors import StcError


def add_parser(verbs: Any) -> None:
    """Add `stc protect renew` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "renew",
        "replace a record by one of new noise, and revoke the old one",
        epilog="A fresh picture is needed. But for its id, which is the same, nothing links the\n"
        "new record to the old one.",
    )
    parser.add_argument("probe", metavar="PICTURE", help="fresh picture of the person")
    parser.add_argument("record", metavar="RECORD", help="the old record")
    add_key(parser)
    parser.add_argument("--new-key", type=Path, metavar="KEY", help="if the old key is to go")
    add_extractor(parser)
    parser.add_argument(
        "--revoked", type=Path, required=True, metavar="FILE", help="the old record is added here"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="S",
        help="change nothing, exit code 1, unless the picture scores more than this",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the new record")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Revoke the old record, then write the new one: if the second fails, nothing is left open."""
    from stc.protection import Key, match, renew

    key = Key.load(options.key)
    new_key = None if options.new_key is None else Key.load(options.new_key)
    records = list(islice(read_records([options.record]), 2))
    if len(records) != 1:
        found = "several" if records else "none"
        raise StcError(f"{options.record} must hold one record, not {found}")
    (record,) = records
    if options.revoked.exists():
        read_revoked(options.revoked).check(record)
    there = options.output != "-" and Path(options.output).exists()
    if there and not same_file(options.output, options.record):
        raise StcError(f"{options.output} exists, and is not the old record")
    check_target(options.output, force=there)
    template = template_of(options.probe, open_extractor(options))
    made = renew(template, record, key, new_key)
    score = match(template, record, key)
    if options.threshold is not None and not score > options.threshold:
        raise StcError(f"the picture scores {score:.4f} against {record.label}: nothing is changed")
    add_revoked(options.revoked, record)
    write_atomically(options.output, made.to_bytes(), force=there)
    if not options.quiet and options.output != "-":
        about = f"record {made.label}, generation {made.generation}"
        print(f"{options.output}: {about}; the picture scored {score:.4f} against the old one")
    return 0
