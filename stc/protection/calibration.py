"""Calibration: the scores of impostor pairs and mated pairs, measured on protected templates."""

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
from stc.protection.record import DEFAULT_BITS, ProtectedTemplate
from stc.protection.score_file import Calibration, ScoreCounts
from stc.protection.stream import DEFAULT_ALPHA, DEFAULT_DROP
from stc.protection.template import UNKNOWN, Floats, as_floats

_ALIKE = 3  # most similar impostor pairs that are returned
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Alike:
    """An impostor pair with a high score; first and second are indices of the pictures.

    If its score is very high, the two names may stand for one person.
    """

    score: float
    first: int
    second: int


def calibrate(
    features: Any,
    weights: Any,
    people: Sequence[Hashable],
    *,
    alpha: float = DEFAULT_ALPHA,
    drop: float = DEFAULT_DROP,
    bits: int = DEFAULT_BITS,
    maker: bytes = UNKNOWN,
    key: Key | None = None,
) -> tuple[Calibration, list[Alike]]:
    """Measure impostor and mated scores; return them and the three highest impostor scores.

    features [N, m, c] and weights [N, m]: the templates of N pictures. people: the person in each
    picture. alpha, drop, maker: as for `protect_many`. bits: of a stored dimension, 2 to 8.
    key: used to enrol all pictures; a new one if None.

    Each pair of people contributes one impostor score, from one picture of each, because further
    pictures of the same two people would not be independent; a person's pictures are used in turn.
    Each pair of pictures of one person contributes one mated score.
    Raises TemplateError for wrong arrays or parameters, and for fewer than two people.
    """
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    if len(people) != len(features):
        raise TemplateError(
            f"{len(features)} pictures need {len(features)} names, not {len(people)}"
        )
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
    """For each person k = 1, 2, ...: k impostor pairs, as indices of k enrolled pictures, one of
    each earlier person, and of k queries, pictures of person k (repeated if there are fewer)."""
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
    """The scores [K] of K pairs: query row asked[i] against record enrolled[i]."""
    return match_pairs(features[asked], weights[asked], stored.take(enrolled.tolist()), key)
