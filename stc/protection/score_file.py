"""Calibration scores, counted in steps of 1/10,000, and the JSON file that keeps them (version 1).

docs/protection-format.md has every field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import BadMagicError, CorruptError, TemplateError, UnsupportedVersionError
from stc.protection.stream import STEPS, Parameters
from stc.protection.template import MAKER, is_sound_shape
from stc.tensor_file import parse_object

KIND = "stc protection scores"
VERSION = 1
MAX_FILE = 1 << 22  # bytes
PARTS = 10_000  # steps of a score of one
_MOST = 1 << 53  # what any reader of JSON counts up to


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """How many scores are in each step: counts[i] of them above (first + i) / 10,000 and not above
    the next step; -1 itself is counted in the lowest step. Integers [K], with none at the ends."""

    first: int
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32]) -> ScoreCounts:
        """Count scores from -1 to 1. Raises TemplateError for others, and for none."""
        values = np.asarray(scores, np.float64)
        if not values.size or not (np.abs(values) <= 1).all():
            raise TemplateError("scores are numbers from -1 to 1, and at least one")
        # By comparison with the very numbers that become thresholds, not by rounding.
        steps = np.searchsorted(np.arange(-PARTS, PARTS + 1) / PARTS, values, "left") - 1
        counts = np.bincount(np.maximum(steps, 0), minlength=1)
        first = int(np.flatnonzero(counts)[0])
        return cls(first - PARTS, counts[first:])

    @property
    def pairs(self) -> int:
        """How many scores there are."""
        return int(self.counts.sum())

    def above(self, step: int) -> int:
        """How many scores are above step / 10,000."""
        return int(self.counts[max(0, step - self.first) :].sum())

    def lowest_step(self, most: int) -> int:
        """The lowest step above which no more than so many scores are."""
        above = np.cumsum(self.counts[::-1])[::-1]  # above the start of each step
        passing = np.flatnonzero(above <= most)
        index = int(passing[0]) if passing.size else len(self.counts)
        return self.first + index


@dataclass(frozen=True, eq=False)
class Calibration:
    """What `calibrate` measured: of people who are not one another, and of people with themselves.

    parameters, bits: of the records. people and pictures: how many. impostor: one score for every
    two people. mated: of two pictures of a person; None where nobody has two.
    """

    parameters: Parameters
    bits: int
    people: int
    pictures: int
    impostor: ScoreCounts
    mated: ScoreCounts | None

    def to_json(self) -> str:
        """One JSON object. No name and nothing of a single face is in it."""
        one = self.parameters
        about = {
            "kind": KIND,
            "version": VERSION,
            "maker": one.maker.hex(),
            "groups": one.groups,
            "size": one.size,
            "kept": one.kept,
            "alpha_steps": one.steps,
            "bits": self.bits,
            "people": self.people,
            "pictures": self.pictures,
            "impostor": _counts_to_json(self.impostor),
            "mated": None if self.mated is None else _counts_to_json(self.mated),
        }
        return json.dumps(about) + "\n"

    @classmethod
    def from_json(cls, data: bytes) -> Calibration:
        """The inverse of `to_json`. Raises FormatError."""
        if len(data) > MAX_FILE:
            raise CorruptError(f"more than {MAX_FILE} bytes are no calibration scores")
        try:
            about = parse_object(data.decode())
        except ValueError as error:  # UnicodeDecodeError is one
            raise BadMagicError("not a file of calibration scores: not JSON as it has") from error
        if about.get("kind") != KIND:
            raise BadMagicError(f"not a file of calibration scores: its kind is not {KIND!r}")
        if type(about.get("version")) is not int or about["version"] != VERSION:
            raise UnsupportedVersionError(
                f"version {str(about.get('version'))[:20]} is unknown: this release reads "
                f"version {VERSION}"
            )
        people, pictures = _whole(about, "people", 2, _MOST), _whole(about, "pictures", 2, _MOST)
        mated = about.get("mated")
        found = cls(
            _parameters(about),
            _whole(about, "bits", 2, 8),
            people,
            pictures,
            _counts_from_json(about.get("impostor"), "impostor"),
            None if mated is None else _counts_from_json(mated, "mated"),
        )
        if found.impostor.pairs != people * (people - 1) // 2 or pictures < people:
            raise CorruptError("people, pictures and impostor scores contradict each other")
        return found


def _parameters(about: dict[str, Any]) -> Parameters:
    groups, size = _whole(about, "groups", 1, 0xFFFF), _whole(about, "size", 2, 0xFFFF)
    kept, steps = _whole(about, "kept", 2, size), _whole(about, "alpha_steps", 0, STEPS)
    try:
        maker = bytes.fromhex(about.get("maker", ""))
    except (TypeError, ValueError):
        maker = b""
    if len(maker) != MAKER or not is_sound_shape(groups, size):
        raise CorruptError("maker, groups or size are none that a record can have")
    return Parameters(groups, size, kept, steps, maker)


def _counts_to_json(counts: ScoreCounts) -> dict[str, Any]:
    return {"first": counts.first + PARTS, "counts": counts.counts.tolist()}


def _counts_from_json(value: Any, name: str) -> ScoreCounts:
    about = value if isinstance(value, dict) else {}
    first, counts = _whole(about, "first", 0, 2 * PARTS - 1), about.get("counts")
    if not isinstance(counts, list) or not 1 <= len(counts) <= 2 * PARTS - first:
        raise CorruptError(f"{name} has no counts, or too many")
    if not all(type(one) is int and 0 <= one <= _MOST for one in counts):
        raise CorruptError(f"the counts of {name} are not whole numbers")
    if not (counts[0] and counts[-1] and sum(counts) <= _MOST):
        raise CorruptError(f"the counts of {name} do not begin and end with scores")
    return ScoreCounts(first - PARTS, np.array(counts, np.int64))


def _whole(about: dict[str, Any], name: str, least: int, most: int) -> int:
    """A whole number of the object. Raises CorruptError."""
    value = about.get(name)
    if type(value) is not int or not least <= value <= most:
        raise CorruptError(f"{name} is not a whole number from {least} to {most}")
    return value
