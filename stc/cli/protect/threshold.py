"""`stc protect threshold`: the threshold of a false match rate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stc.cli.protect.common import new_parser
from stc.cli.protect.deciding import read_scores, sentence


def add_parser(verbs: Any) -> None:
    """Add `stc protect threshold` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "threshold",
        "choose the threshold of a false match rate from calibration scores",
        epilog="The lowest one whose 95 % interval ends at the rate or below. A rate that so few "
        "pairs\ncannot support is refused. stc protect match takes the same --fmr, with --scores."
        "\n\nexample:\n  stc protect threshold scores.json --fmr 1e-4",
    )
    parser.add_argument("scores", type=Path, metavar="SCORES", help="from stc protect calibrate")
    parser.add_argument("--fmr", type=float, required=True, metavar="RATE", help="such as 1e-4")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the threshold and how sure it is; with --quiet the number alone."""
    from stc.protection.threshold import choose_threshold

    calibration = read_scores(options.scores)
    if options.quiet:
        print(f"{choose_threshold(calibration, options.fmr).score:.4f}")
    else:
        print(sentence(calibration, options.fmr))
    return 0
