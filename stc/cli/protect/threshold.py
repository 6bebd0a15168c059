"""`stc protect threshold`: choose the threshold for a false match rate."""

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
        "choose the threshold for a false match rate from calibration scores",
        epilog="Prints the lowest threshold whose 95 % interval of the false match rate ends at "
        "RATE or\nbelow. If there are too few pairs for RATE, that is an error. stc protect match "
        "accepts the\nsame --fmr, with --scores."
        "\n\nexample:\n  stc protect threshold scores.json --fmr 1e-4",
    )
    parser.add_argument("scores", type=Path, metavar="SCORES", help="file of calibrate")
    parser.add_argument(
        "--fmr", type=float, required=True, metavar="RATE", help="false match rate, such as 1e-4"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the threshold and its confidence interval; with --quiet only the number -> 0."""
    from stc.protection.threshold import choose_threshold

    calibration = read_scores(options.scores)
    if options.quiet:
        print(f"{choose_threshold(calibration, options.fmr).score:.4f}")
    else:
        print(sentence(calibration, options.fmr))
    return 0
