"""The options that choose a threshold, and the sentence that says how sure it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stc.errors import FormatError, SettingsError, TemplateError

if TYPE_CHECKING:
    from stc.protection import ProtectedTemplate
    from stc.protection.score_file import Calibration


def add_decision(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --threshold, whose help is `what`, and --fmr with --scores, which choose one."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--threshold", type=float, metavar="S", help=what)
    either.add_argument(
        "--fmr", type=float, metavar="RATE", help="the threshold of this false match rate: 1e-4"
    )
    parser.add_argument(
        "--scores", type=Path, metavar="FILE", help="with --fmr: what stc protect calibrate wrote"
    )


@dataclass(frozen=True)
class Decision:
    """threshold: what scores must be above, None for all. calibration: what it was chosen from."""

    threshold: float | None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Decision:
        """What the options of `add_decision` say; prints the sentence about a chosen threshold.

        Raises SettingsError for one of --fmr and --scores, and for a rate that the calibration
        cannot support; FormatError, OSError.
        """
        if (options.fmr is None) != (options.scores is None):
            raise SettingsError(
                "--fmr and --scores go together: a rate, and what it is chosen from"
            )
        if options.fmr is None:
            return cls(options.threshold)
        from stc.protection.threshold import choose_threshold

        calibration = read_scores(options.scores)
        threshold = choose_threshold(calibration, options.fmr)
        if not options.quiet:
            print(sentence(calibration, options.fmr), file=sys.stderr)
        return cls(threshold.score, calibration)

    def check(self, records: Iterable[ProtectedTemplate]) -> None:
        """Raise TemplateError for a record of another kind than those of the calibration."""
        if self.calibration is None:
            return
        wanted = self.calibration.parameters, self.calibration.bits
        for record in records:
            if (record.parameters, record.bits) != wanted:
                raise TemplateError(
                    f"record {record.label} has another recogniser, head, alpha, drop or number of "
                    "bits than the calibration: its scores are others. Calibrate with the same"
                )


def read_scores(path: Path) -> Calibration:
    """The scores that `stc protect calibrate` wrote. Raises FormatError, OSError."""
    from stc.protection.score_file import MAX_FILE, Calibration

    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    try:
        return Calibration.from_json(data)
    except FormatError as error:
        raise type(error)(f"{path}: {error}") from error


def sentence(calibration: Calibration, rate: float) -> str:
    """The threshold of that rate and how sure it is. Raises SettingsError."""
    from stc.protection.threshold import choose_threshold

    found = choose_threshold(calibration, rate)
    low, high = found.interval
    text = (
        f"threshold {found.score:.4f}: {found.hits} of {found.pairs} impostor pairs of "
        f"{calibration.people} people are above it, 95 % interval of the false match rate "
        f"{low:.2g} to {high:.2g}"
    )
    if found.missed is None or calibration.mated is None:
        return text
    return f"{text}; {found.missed} of {calibration.mated.pairs} mated pairs are not above it"
