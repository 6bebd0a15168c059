"""`stc protect match`: compare a picture with records."""

from __future__ import annotations

import argparse
import logging
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.naming import about
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
from stc.cli.protect.deciding import Decision, add_decision
from stc.cli.protect.indexed import is_index, search_index
from stc.cli.protect.revoking import read_revoked

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, Key, Revocations

_PART = 1024  # records that are in memory at a time

_log = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    """Add `stc protect match` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "match",
        "compute the scores of a picture and records, the highest first",
        epilog="The score of a revoked record is -1. Of an index, only the candidates of its first "
        "stage get a\nscore. docs/protection-calibration.md explains how to choose a threshold."
        "\n\n"
        "examples:\n  stc protect match probe.jpg records/*.stp --key face.key --top 5\n"
        "  stc protect match probe.jpg people.index --key face.key --fmr 1e-4 --scores scores.json",
    )
    parser.add_argument("probe", metavar="PICTURE", help="picture of one face, or - for stdin")
    parser.add_argument(
        "records", nargs="+", metavar="RECORD", help="files of records, or an index"
    )
    add_key(parser)
    add_extractor(parser)
    parser.add_argument(
        "--revoked", type=Path, metavar="FILE", help="list of revoked records, from renew"
    )
    parser.add_argument(
        "--skip-other-keys",
        action="store_true",
        help="skip records of other keys, such as during the replacement of a key",
    )
    add_decision(parser, "print only scores above this threshold")
    parser.add_argument(
        "--candidates",
        type=positive,
        default=1000,
        metavar="N",
        help="number of candidates that the first stage of an index selects; 1000",
    )
    parser.add_argument("--top", type=positive, metavar="N", help="print only the N highest scores")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line `score id` for every record -> 1 if none is above a threshold, else 0.

    Raises StcError, OSError.
    """
    from stc.protection import Key

    key = Key.load(options.key)
    decision = Decision.of(options)
    revoked = None if options.revoked is None else read_revoked(options.revoked)
    extractor = open_extractor(options)
    with about(options.probe):
        query = template_of(options.probe, extractor, options)
    found: list[tuple[float, str]] = []
    files = []
    for name in options.records:
        if not is_index(name):
            files.append(name)
            continue
        best = search_index(name, query, key, options.candidates, revoked)
        decision.check([record for _, record in best])
        found += [(score, record.label) for score, record in best]
    found += _match_files(files, query, key, revoked, decision, options)
    if decision.threshold is not None:
        found = [(score, label) for score, label in found if score > decision.threshold]
    found.sort(key=lambda pair: -pair[0])
    for score, label in found[: options.top]:
        print(f"{score:.6f}\t{shown(label)}")
    return 1 if decision.threshold is not None and not found else 0


def _match_files(
    files: list[str],
    query: GroupedTemplate,
    key: Key,
    revoked: Revocations | None,
    decision: Decision,
    options: argparse.Namespace,
) -> list[tuple[float, str]]:
    """The scores and labels of all records of files, read in parts of _PART records."""
    from stc.protection import made_with, match_many

    found: list[tuple[float, str]] = []
    others, count = 0, 0
    each = read_records(files, query.shape)
    while records := list(islice(each, _PART)):
        count += len(records)
        if options.skip_other_keys:
            own = made_with(key, records)
            others += int((~own).sum())
            records = [record for record, ours in zip(records, own, strict=True) if ours]
        decision.check(records)
        scores = match_many(query, records, key, revoked=revoked)
        found += zip(map(float, scores), (record.label for record in records), strict=True)
    if others:
        _log.warning("%d of %d records are of other keys", others, count)
    return found
