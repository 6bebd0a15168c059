"""`stc protect info`: the public contents of a record."""

from __future__ import annotations

import argparse
import json
from typing import Any

from stc.cli.protect.common import new_parser, read_records


def add_parser(verbs: Any) -> None:
    """Add `stc protect info` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "info",
        "print the public contents of records; needs no key",
        epilog="example:\n  stc protect info records/*.stp --json",
    )
    parser.add_argument("records", nargs="+", metavar="RECORD")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for every record -> 0. Raises FormatError, OSError."""
    for record in read_records(options.records):
        groups, size = record.features.shape
        kept = record.parameters.kept
        if options.json:
            about = {
                "record_id": record.label,
                "generation": record.generation,
                "groups": groups,
                "size": size,
                "kept": kept,
                "alpha": record.alpha,
                "bits": record.bits,
                "maker": record.parameters.maker.hex(),
                "tag": record.tag.hex(),
            }
            print(json.dumps(about))
        elif not options.quiet:
            print(
                f"{record.label}: generation {record.generation}, {groups} groups of {size}, "
                f"{kept} of each kept in {record.bits} bits, alpha {record.alpha:g}, "
                f"maker {record.parameters.maker.hex()}, tag {record.tag.hex()}"
            )
    return 0
