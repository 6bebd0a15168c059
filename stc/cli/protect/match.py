"""`stc protect match`: a picture against records."""

from __future__ import annotations

import argparse
import logging
from itertools import islice
from pathlib import Path
from typing import Any

from stc.cli.numbers import positive
from stc.cli.printing import shown
from stc.cli.protect.common import (
    add_extractor,
    add_key,
    new_parser,
    open_extractor,
    read_records,
    template_of,
)
from stc.cli.protect.revoking import read_revoked

_PART = 1024  # records that are in memory at a time

_log = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    """Add `stc protect match` to argparse's subparsers."""
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
    parser.add_argument(
        "--skip-other-keys",
        action="store_true",
        help="leave out records of other keys, as there are while a key is replaced",
    )
    parser.add_argument("--threshold", type=float, metavar="S", help="show only scores above this")
    parser.add_argument("--top", type=positive, metavar="N", help="show only the first N")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line `score id` for every record. Returns 1 if a threshold let none pass."""
    from stc.protection import Key, made_with, match_many

    key = Key.load(options.key)
    revoked = None if options.revoked is None else read_revoked(options.revoked)
    query = template_of(options.probe, open_extractor(options))
    found: list[tuple[float, str]] = []
    others, count = 0, 0
    each = read_records(options.records, query.shape)
    while records := list(islice(each, _PART)):
        count += len(records)
        if options.skip_other_keys:
            own = made_with(key, records)
            others += int((~own).sum())
            records = [record for record, ours in zip(records, own, strict=True) if ours]
        scores = match_many(query, records, key, revoked=revoked)
        found += zip(map(float, scores), (record.label for record in records), strict=True)
    if others:
        _log.warning("%d of %d records are of other keys", others, count)
    if options.threshold is not None:
        found = [(score, label) for score, label in found if score > options.threshold]
    found.sort(key=lambda pair: -pair[0])
    for score, label in found[: options.top]:
        print(f"{score:.6f}\t{shown(label)}")
    return 1 if options.threshold is not None and not found else 0
