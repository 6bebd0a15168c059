"""The trade-off between accuracy and what an attacker with the key can recover."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stc.lab.attacks.accuracy import enrol, judge, protected_scores, stored
from stc.lab.attacks.attacks import (
    OWN,
    Recovery,
    Victims,
    judge_embeddings,
    judge_templates,
    observed_by_parts,
)
from stc.lab.attacks.inversion import Observed, Prior, error_of
from stc.lab.attacks.subject import Subject, Templates
from stc.protection import Gallery, Key, protect_many
from stc.protection.rotation import normalise
from stc.protection.template import Floats

TARGETS = 150  # people attacked at each setting


@dataclass(frozen=True)
class Setting:
    """The parameters of one point of the curve."""

    alpha: float
    drop: float
    bits: int = 8  # of a stored number
    thin: bool = False  # see `thinned`; for drop 0.25, as in SlerpFace's released script

    def __str__(self) -> str:
        if self.thin:
            return f"alpha {self.alpha:g}, drop 0.25, and 0.75 where weights are low"
        return f"alpha {self.alpha:g}, drop {self.drop:g}, {self.bits} bits"


SETTINGS = (
    Setting(0.5, 0.5),
    Setting(0.9, 0.25),
    Setting(0.9, 0.5),
    Setting(0.9, 0.25, thin=True),
    Setting(0.9, 0.5, 5),
    Setting(0.9, 0.5, 4),
    Setting(0.9, 0.75),
    Setting(0.9, 0.75, 5),
    Setting(0.95, 0.5, 5),
)


@dataclass(frozen=True)
class Point:
    """The results of a setting: accuracy, and recovery with a stolen key."""

    setting: Setting
    right: float  # share of pairs classified correctly
    error: float  # its standard error
    size: int | None  # bytes of a record; None for `thin`, which has no file format
    algebra: Recovery  # by un-rotation
    prior: Recovery  # by un-rotation and the prior


def measure(subject: Subject, victims: Victims, setting: Setting) -> Point:
    """Measure the accuracy of a setting on all pairs, and attack TARGETS of the victims."""
    victims = victims.take(TARGETS)
    key = Key.generate()
    _, second = subject.pairs.places
    gallery = enrol(subject, key, setting.alpha, setting.drop)
    gallery, size = _kept(gallery, subject.faces.weights[second], setting)
    found = judge(protected_scores(subject, gallery, key), subject)
    few = subject.others.take(np.arange(min(OWN, len(subject.others))))
    prior = Prior(subject.others, error_of(_observed(few, setting, key, subject), few.features))
    seen = _observed(subject.faces.take(victims.rows), setting, key, subject)
    filled = np.concatenate([part.filled for part in seen])
    embeddings = np.concatenate([prior.recover(part)[1] for part in seen])
    return Point(
        setting,
        found.right,
        found.error,
        size,
        judge_templates("un-rotation", True, filled, subject, victims),
        judge_embeddings("un-rotation and prior", True, embeddings, subject, victims),
    )


def _observed(faces: Templates, setting: Setting, key: Key, subject: Subject) -> list[Observed]:
    """The observations, with the key, of records of some faces at a setting."""
    ids = list(range(len(faces)))
    made = protect_many(faces.features, faces.weights, key, ids, setting.alpha, setting.drop)
    taken, _ = _kept(made, faces.weights, setting)
    return observed_by_parts(taken, key, subject.others.weights.mean(0))


def _kept(gallery: Gallery, weights: Floats, setting: Setting) -> tuple[Gallery, int | None]:
    """The gallery after storage, and the bytes of its largest record; None if it is thinned."""
    if setting.thin:
        return thinned(gallery, weights), None
    return stored(gallery, setting.bits)


def thinned(gallery: Gallery, weights: Floats) -> Gallery:
    """Drop more dimensions, half of all, in groups whose weight is below the median.

    The last of the kept dimensions are dropped.
    """
    features = gallery.features.copy()
    light = weights < np.median(weights, axis=1, keepdims=True)
    rank = (features != 0).cumsum(2)
    half = gallery.parameters.size // 2
    features[light[..., None] & (rank > gallery.parameters.kept - half)] = 0
    return replace(gallery, features=np.asarray(normalise(features), np.float32))
