"""`stc protect renew`: a new record in place of an old one, which is revoked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.files import write_whole
from stc.cli.protect.common import (
    add_extractor,
    add_key,
    new_parser,
    open_extractor,
    read_records,
    read_revoked,
    template_of,
)
from stc.errors import StcError


def add_parser(verbs: Any) -> None:
    parser = new_parser(
        verbs,
        "renew",
        "replace a record by one that nothing links to it, and revoke the old one",
        epilog="A fresh picture is needed: a record cannot be turned back into a template.",
    )
    parser.add_argument("probe", metavar="PICTURE", help="fresh picture of the person")
    parser.add_argument("record", metavar="RECORD", help="the old record")
    add_key(parser)
    parser.add_argument("--new-key", type=Path, metavar="KEY", help="if the old key is to go")
    add_extractor(parser)
    parser.add_argument(
        "--revoked", type=Path, required=True, metavar="FILE", help="the old record is added here"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the new record")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the new record, then the list with the old one."""
    from stc.protection import Key, renew, revoke

    key = Key.load(options.key)
    new_key = None if options.new_key is None else Key.load(options.new_key)
    records = read_records([options.record])
    if len(records) != 1:
        raise StcError(f"{options.record} holds {len(records)} records, one can be renewed")
    revoked = read_revoked(options.revoked)
    template = template_of(options.probe, open_extractor(options))
    made = renew(template, records[0], key, new_key)
    write_whole(options.output, made.to_bytes())
    write_whole(str(options.revoked), revoke(records[0], revoked).to_text().encode())
    if not options.quiet and options.output != "-":
        print(f"{options.output}: record {made.label}, generation {made.generation}")
    return 0
