"""Histograms of calibration scores in steps of 1/10,000, and their JSON file (version 1).

docs/protection-format.md specifies every field.
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
PARTS = 10_000  # steps between the scores 0 and 1
_MAX_INTEGER = 1 << 53  # every JSON reader represents integers up to this exactly


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """A histogram of scores: counts[i] scores are above (first + i) / 10,000 and at most
    (first + i + 1) / 10,000; the lowest step also counts the score -1.

    counts: integers [K], of which the first and the last are not zero.
    """

    first: int
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32]) -> ScoreCounts:
        """Count scores. Raises TemplateError if there are none, or if one is not from -1 to 1."""
        values = np.asarray(scores, np.float64)
        if not values.size or not (np.abs(values) <= 1).all():
            raise TemplateError("at least one score is needed, and all must be from -1 to 1")
        # Compared with the same floating-point numbers that become thresholds, not rounded.
        steps = np.searchsorted(np.arange(-PARTS, PARTS + 1) / PARTS, values, "left") - 1
        counts = np.bincount(np.maximum(steps, 0), minlength=1)
        first = int(np.flatnonzero(counts)[0])
        return cls(first - PARTS, counts[first:])

    @property
    def pairs(self) -> int:
        """The number of scores."""
        return int(self.counts.sum())

    def above(self, step: int) -> int:
        """The number of scores above step / 10,000."""
        return int(self.counts[max(0, step - self.first) :].sum())

    def lowest_step(self, most: int) -> int:
        """The lowest step above which there are at most `most` scores."""
        above = np.cumsum(self.counts[::-1])[::-1]  # scores above the start of each step
        passing = np.flatnonzero(above <= most)
        index = int(passing[0]) if passing.size else len(self.counts)
        return self.first + index


@dataclass(frozen=True, eq=False)
class Calibration:
    """The results of `calibrate`: histograms of impostor and mated scores.

    parameters, bits: of the records. people, pictures: numbers of both. impostor: one score for
    each pair of people. mated: one score for each pair of pictures of one person; None if nobody
    has two pictures.
    """

    parameters: Parameters
    bits: int
    people: int
    pictures: int
    impostor: ScoreCounts
    mated: ScoreCounts | None

    def to_json(self) -> str:
        """One JSON object and a line feed. It has no names and no data of single faces."""
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
        """The inverse of `to_json`. Raises FormatError for damaged data and for other files."""
        if len(data) > MAX_FILE:
            raise CorruptError(f"more than {MAX_FILE} bytes: not a file of calibration scores")
        try:
            about = parse_object(data.decode())
        except ValueError as error:  # UnicodeDecodeError is one
            raise BadMagicError("not a file of calibration scores: not a JSON object") from error
        if about.get("kind") != KIND:
            raise BadMagicError(f"not a file of calibration scores: its kind is not {KIND!r}")
        if type(about.get("version")) is not int or about["version"] != VERSION:
            raise UnsupportedVersionError(
                f"version {str(about.get('version'))[:20]} is unknown: this release reads "
                f"version {VERSION}"
            )
        people = _integer(about, "people", 2, _MAX_INTEGER)
        pictures = _integer(about, "pictures", 2, _MAX_INTEGER)
        mated = about.get("mated")
        found = cls(
            _parameters(about),
            _integer(about, "bits", 2, 8),
            people,
            pictures,
            _counts_from_json(about.get("impostor"), "impostor"),
            None if mated is None else _counts_from_json(mated, "mated"),
        )
        if found.impostor.pairs != people * (people - 1) // 2 or pictures < people:
            raise CorruptError("people, pictures and impostor scores contradict each other")
        return found


def _parameters(about: dict[str, Any]) -> Parameters:
    groups, size = _integer(about, "groups", 1, 0xFFFF), _integer(about, "size", 2, 0xFFFF)
    kept, steps = _integer(about, "kept", 2, size), _integer(about, "alpha_steps", 0, STEPS)
    try:
        maker = bytes.fromhex(about.get("maker", ""))
    except (TypeError, ValueError):
        maker = b""
    if len(maker) != MAKER or not is_sound_shape(groups, size):
        raise CorruptError("maker, groups or size have values that no record can have")
    return Parameters(groups, size, kept, steps, maker)


def _counts_to_json(counts: ScoreCounts) -> dict[str, Any]:
    return {"first": counts.first + PARTS, "counts": counts.counts.tolist()}


def _counts_from_json(value: Any, name: str) -> ScoreCounts:
    about = value if isinstance(value, dict) else {}
    first, counts = _integer(about, "first", 0, 2 * PARTS - 1), about.get("counts")
    if not isinstance(counts, list) or not 1 <= len(counts) <= 2 * PARTS - first:
        raise CorruptError(f"{name} has no counts, or too many")
    if not all(type(one) is int and 0 <= one <= _MAX_INTEGER for one in counts):
        raise CorruptError(f"a count of {name} is not an integer from 0 to {_MAX_INTEGER}")
    if not (counts[0] and counts[-1] and sum(counts) <= _MAX_INTEGER):
        raise CorruptError(f"the counts of {name} begin or end with 0, or their sum is too large")
    return ScoreCounts(first - PARTS, np.array(counts, np.int64))


def _integer(about: dict[str, Any], name: str, least: int, most: int) -> int:
    """The integer called `name`, from `least` to `most`. Raises CorruptError."""
    value = about.get(name)
    if type(value) is not int or not least <= value <= most:
        raise CorruptError(f"{name} is not an integer from {least} to {most}")
    return value
