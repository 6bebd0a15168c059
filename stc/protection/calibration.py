"""Calibration: the scores of people with one another, as records of theirs would have them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError
from stc.protection.enrolment import protect_many
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.matching import Scores, match_pairs
from stc.protection.record import ProtectedTemplate
from stc.protection.score_file import Calibration, ScoreCounts
from stc.protection.template import UNKNOWN, Floats, as_floats

_ALIKE = 3  # pairs of people that are shown
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Alike:
    """Two pictures of people who should not be one: by their places in the list of pictures."""

    score: float
    first: int
    second: int


def calibrate(
    features: Any,
    weights: Any,
    people: Sequence[Hashable],
    *,
    alpha: float = 0.9,
    drop: float = 0.5,
    bits: int = 8,
    maker: bytes = UNKNOWN,
    key: Key | None = None,
) -> tuple[Calibration, list[Alike]]:
    """Score people against one another, and the pairs of people that are the most alike.

    features [N, m, c] and weights [N, m] of N pictures; people: whom each shows. Every picture is
    enrolled under a key of its own for this purpose, `key` or a new one, and stored in so many
    bits. Every two people give one impostor score, of one picture each, so that the number of
    pairs is not made larger by pictures that say the same; a person's pictures take turns. Every
    two pictures of a person give a mated score.
    Raises TemplateError, also for fewer than two people.
    """
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    if len(people) != len(features):
        raise TemplateError(f"{len(features)} pictures need as many names, not {len(people)}")
    places: dict[Hashable, list[int]] = {}
    for place, person in enumerate(people):
        places.setdefault(person, []).append(place)
    if len(places) < 2:
        raise TemplateError(f"a calibration needs two people or more, not {len(places)}")
    key = Key.generate() if key is None else key
    made = protect_many(
        features, weights, key, list(range(len(features))), alpha, drop, maker=maker
    )
    stored = Gallery.of([ProtectedTemplate.from_bytes(one.to_bytes(bits)) for one in made])
    impostor: list[Scores] = []
    alike: list[Alike] = []
    for enrolled, asked in _strangers(list(places.values())):
        scores = _scores(features, weights, asked, stored, enrolled, key)
        impostor.append(scores)
        for place in np.argsort(-scores)[:_ALIKE]:
            found = Alike(float(scores[place]), int(enrolled[place]), int(asked[place]))
            alike = sorted([*alike, found], key=lambda one: -one.score)[:_ALIKE]
    mated = [
        _scores(features, weights, own[second], stored, own[first], key)
        for own in map(np.array, places.values())
        for first, second in [np.triu_indices(len(own), 1)]
        if len(own) > 1
    ]
    return (
        Calibration(
            made.parameters,
            bits,
            len(places),
            len(features),
            ScoreCounts.of(np.concatenate(impostor)),
            ScoreCounts.of(np.concatenate(mated)) if mated else None,
        ),
        alike,
    )


def _strangers(places: list[list[int]]) -> list[tuple[Rows, Rows]]:
    """For every person but the first: the pictures of those before, and as many of their own."""
    return [
        (
            np.array([places[other][number % len(places[other])] for other in range(number)]),
            np.array([places[number][other % len(places[number])] for other in range(number)]),
        )
        for number in range(1, len(places))
    ]


def _scores(
    features: Floats, weights: Floats, asked: Rows, stored: Gallery, enrolled: Rows, key: Key
) -> Scores:
    """The scores of queries, by their rows, and records, by theirs."""
    return match_pairs(features[asked], weights[asked], stored.take(enrolled.tolist()), key)
