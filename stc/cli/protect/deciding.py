"""The options that choose a threshold, and a sentence with its confidence interval."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stc.cli.numbers import finite
from stc.errors import FormatError, SettingsError, TemplateError

if TYPE_CHECKING:
    from stc.protection import ProtectedTemplate
    from stc.protection.score_file import Calibration


def add_decision(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --threshold, with the help `what`, and --fmr with --scores, which compute one."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--threshold", type=finite, metavar="S", help=what)
    either.add_argument(
        "--fmr", type=float, metavar="RATE", help="use the threshold for this false match rate"
    )
    parser.add_argument(
        "--scores", type=Path, metavar="FILE", help="with --fmr: file of stc protect calibrate"
    )


@dataclass(frozen=True)
class Decision:
    """A threshold, and the scores from which it was computed.

    threshold: scores above it are accepted; None accepts all. calibration: None if the threshold
        was given as a number.
    """

    threshold: float | None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Decision:
        """The decision of the options of `add_decision`; prints a threshold computed from --fmr.

        Raises SettingsError if only one of --fmr and --scores is given, or if the calibration has
        too few pairs for the rate; FormatError, OSError.
        """
        if (options.fmr is None) != (options.scores is None):
            raise SettingsError(
                "--fmr needs --scores, from which the threshold is computed, and the reverse"
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
        """Raise TemplateError for a record whose parameters are not those of the calibration."""
        if self.calibration is None:
            return
        wanted = self.calibration.parameters, self.calibration.bits
        for record in records:
            if (record.parameters, record.bits) != wanted:
                raise TemplateError(
                    f"recogniser, head, alpha, drop or bits of record {record.label} are not those "
                    "of the calibration, whose scores are not valid for it: calibrate with the same"
                )


def read_scores(path: Path) -> Calibration:
    """Read a file of `stc protect calibrate`. Raises FormatError, OSError."""
    from stc.protection.score_file import MAX_FILE, Calibration

    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    try:
        return Calibration.from_json(data)
    except FormatError as error:
        raise type(error)(f"{path}: {error}") from error


def sentence(calibration: Calibration, rate: float) -> str:
    """Describe the threshold for a false match rate and its confidence interval.

    Raises SettingsError if the calibration has too few pairs for the rate.
    """
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
