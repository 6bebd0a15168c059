"""`stc protect match`: a picture against records."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.protect.common import (
    add_extractor,
    add_key,
    new_parser,
    open_extractor,
    read_records,
    read_revoked,
    template_of,
)


def add_parser(verbs: Any) -> None:
    parser = new_parser(
        verbs,
        "match",
        "score a picture against records, the most alike first",
        epilog="A revoked record scores -1. docs/protection.md has thresholds.",
    )
    parser.add_argument("probe", metavar="PICTURE", help="picture of one face, or - for stdin")
    parser.add_argument("records", nargs="+", metavar="RECORD", help="files, of one record or many")
    add_key(parser)
    add_extractor(parser)
    parser.add_argument("--revoked", type=Path, metavar="FILE", help="the list that renew writes")
    parser.add_argument("--threshold", type=float, metavar="S", help="show only scores above this")
    parser.add_argument("--top", type=int, metavar="N", help="show only the first N")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line `score id` for every record. Returns 1 if a threshold let none pass."""
    from stc.protection import Key, match_many

    key, records = Key.load(options.key), read_records(options.records)
    query = template_of(options.probe, open_extractor(options))
    scores = match_many(query, records, key, revoked=read_revoked(options.revoked))
    order = sorted(range(len(records)), key=lambda row: -scores[row])
    if options.threshold is not None:
        order = [row for row in order if scores[row] > options.threshold]
    for row in order[: options.top]:
        print(f"{scores[row]:.6f}\t{records[row].label}")
    return 1 if options.threshold is not None and not order else 0
