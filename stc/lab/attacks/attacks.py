"""The attacks on a protection, with a secret and with a stolen key, and their success rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stc.lab.attacks.accuracy import FAR
from stc.lab.attacks.inversion import (
    Observed,
    Prior,
    error_of,
    learn_mapping,
    observe,
)
from stc.lab.attacks.linking import Linkability, linkability
from stc.lab.attacks.rivals import Rival, invert, store
from stc.lab.attacks.subject import Subject, Templates
from stc.lab.evaluation.metrics import cosines, wilson
from stc.lab.evaluation.verification import person
from stc.protection import Gallery, Key, protect_many
from stc.protection.template import Floats, unit

# People attacked with a stolen key. With a secret key all are, because few are accepted.
STOLEN_TARGETS = 400
GUESSES = 1000  # random completions of the dropped dimensions, of which an oracle picks the best
GUESSED = 100  # targets of that attack
OWN = 1000  # faces of the attacker that measure the error of observations
_PART = 250  # records that are observed at a time, to limit memory
Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Recovery:
    """The success of an attack that recovers embeddings or templates from records.

    A recovered face is accepted if its similarity is above the threshold that 0.1 % of impostor
    pairs pass.
    """

    attack: str
    stolen: bool  # whether the attacker has the key
    cosine: float  # mean, to the true embedding or template
    same: float  # share accepted as the enrolled picture
    same_high: float  # upper end of its 95 % interval
    another: float  # share accepted as another picture of the person
    another_high: float  # upper end of its 95 % interval
    targets: int  # the number of targets of `same`
    other_targets: int  # the number of targets of `another`


@dataclass(frozen=True)
class Link:
    """The success of an attack that links records under two keys."""

    attack: str
    stolen: bool  # whether the attacker has the keys
    found: Linkability


@dataclass(frozen=True, eq=False)
class Victims:
    """The people that are attacked; those with a second picture come first."""

    rows: Rows  # of the enrolled picture of each person
    others: Rows  # of another picture, for the first len(others) people
    threshold: float  # of the cosine of embeddings, at a FAR of 0.1 %
    template_threshold: float  # of the score of plain templates, at a FAR of 0.1 %

    def take(self, most: int) -> Victims:
        """An even sample of at most `most` people with a second picture; same thresholds."""
        some = np.linspace(0, len(self.others) - 1, min(most, len(self.others))).round().astype(int)
        return replace(self, rows=self.rows[some], others=self.others[some])


def choose_victims(subject: Subject) -> Victims:
    """One face of each person of the subject, first those with two pictures, and thresholds."""
    people: dict[str, list[int]] = {}
    for row, name in enumerate(subject.pairs.names):
        people.setdefault(person(name), []).append(row)
    chosen = sorted(people.values(), key=lambda rows: len(rows) < 2)
    rows = np.array([of[0] for of in chosen])
    others = np.array([of[1] for of in chosen if len(of) > 1])
    faces = subject.faces.take(rows)
    apart = ~np.eye(len(rows), dtype=bool)
    cosine = (faces.embeddings @ faces.embeddings.T)[apart]
    weighted = (faces.features * faces.weights[..., None]).reshape(len(rows), -1)
    plain = (weighted @ faces.features.reshape(len(rows), -1).T)[apart]
    return Victims(
        rows, others, float(np.quantile(cosine, 1 - FAR)), float(np.quantile(plain, 1 - FAR))
    )


def judge_embeddings(
    attack: str, stolen: bool, recovered: Floats, subject: Subject, victims: Victims
) -> Recovery:
    """The success of recovered embeddings [n, D] of the first n victims."""
    embeddings = subject.faces.embeddings
    same = cosines(recovered, embeddings[victims.rows[: len(recovered)]])
    others = victims.others[: len(recovered)]
    another = cosines(recovered[: len(others)], embeddings[others])
    return _recovery(attack, stolen, same, same, another, victims.threshold)


def judge_templates(
    attack: str, stolen: bool, recovered: Floats, subject: Subject, victims: Victims
) -> Recovery:
    """The success of recovered templates [n, m, c] of the first n victims.

    Scores use the mean weights of other people, because a record does not contain weights.
    """
    faces, count = subject.faces, len(recovered)
    weights = subject.others.weights.mean(0)
    rows = unit(recovered)
    scores = [
        ((rows[: len(of)] * faces.features[of]).sum(2) * weights).sum(1)
        for of in (victims.rows[:count], victims.others[:count])
    ]
    whole = cosines(
        recovered.reshape(count, -1), faces.features[victims.rows[:count]].reshape(count, -1)
    )
    return _recovery(attack, stolen, whole, scores[0], scores[1], victims.template_threshold)


def _recovery(
    attack: str, stolen: bool, cosine: Scores, same: Scores, another: Scores, threshold: float
) -> Recovery:
    hits = [int((scores > threshold).sum()) for scores in (same, another)]
    return Recovery(
        attack,
        stolen,
        float(cosine.mean()),
        hits[0] / len(same),
        wilson(hits[0], len(same))[1],
        hits[1] / len(another),
        wilson(hits[1], len(another))[1],
        len(same),
        len(another),
    )


def observed_by_parts(gallery: Gallery, key: Key, weights: Floats) -> list[Observed]:
    """The result of `observe` for a gallery, in parts of _PART records."""
    return [
        observe(gallery.take(range(len(gallery))[i : i + _PART]), key, weights)
        for i in range(0, len(gallery), _PART)
    ]


def attack_ours(
    subject: Subject, victims: Victims, alpha: float, drop: float, stolen: bool
) -> list[Recovery]:
    """All attacks that recover faces from records of `stc.protection`, at one alpha and drop.

    stolen: whether the attacker has the key.
    """
    key, others = Key.generate(), subject.others
    mean_weights = others.weights.mean(0)

    def enrol(some: Templates, with_key: Key, name: str) -> Gallery:
        ids = [f"{name} {i}" for i in range(len(some))]
        return protect_many(some.features, some.weights, with_key, ids, alpha, drop)

    gallery = enrol(subject.faces.take(victims.rows), key, "victim")
    seen = observed_by_parts(gallery, key if stolen else Key.generate(), mean_weights)
    filled = np.concatenate([part.filled for part in seen])
    own, few = Key.generate(), others.take(np.arange(min(OWN, len(others))))
    error = error_of(observed_by_parts(enrol(few, own, "own"), own, mean_weights), few.features)
    prior = Prior(others, error)
    embeddings = np.concatenate([prior.recover(part)[1] for part in seen])
    found = [
        judge_templates("un-rotation", stolen, filled, subject, victims),
        judge_embeddings("un-rotation and prior", stolen, embeddings, subject, victims),
    ]
    if stolen:
        found.append(_brute_force(seen[0], subject, victims))

    def inputs(epoch: int) -> Floats:
        own = Key.generate()
        made = enrol(others, own, f"epoch {epoch}")
        return _shown(made, own if stolen else None, mean_weights)

    mapping = learn_mapping(inputs, others.embeddings)
    guess = mapping.recover(_shown(gallery, key if stolen else None, mean_weights))
    return [*found, judge_embeddings("learned mapping", stolen, guess, subject, victims)]


def _shown(gallery: Gallery, key: Key | None, weights: Floats) -> Floats:
    """The inputs of the learned mapping, [n, inputs].

    With the key these are un-rotated records; without, records and masks of the kept dimensions.
    """
    if key is None:
        flat = gallery.features.reshape(len(gallery), -1)
        return np.concatenate([flat * 4, (flat != 0).astype(np.float32)], 1)
    seen = observed_by_parts(gallery, key, weights)
    return np.concatenate([part.filled for part in seen]).reshape(len(gallery), -1) * 4


def _brute_force(part: Observed, subject: Subject, victims: Victims) -> Recovery:
    """Un-rotation with random guesses of the dropped dimensions; an oracle picks the best guess."""
    generator = np.random.default_rng(0)
    truth, best = subject.faces.features[victims.rows], []
    for row, (values, directions) in enumerate(
        zip(part.filled[:GUESSED], part.directions, strict=False)
    ):
        guesses = generator.standard_normal((GUESSES, *values.shape), np.float32) / 4
        known = np.einsum("gkc,ngc->ngk", directions, guesses, optimize=True)
        guesses -= np.einsum("gkc,ngk->ngc", directions, known, optimize=True)
        whole = (values + guesses).reshape(GUESSES, -1)
        near = whole @ truth[row].ravel() / np.linalg.norm(whole, axis=1)
        best.append(whole[int(near.argmax())].reshape(values.shape))
    return judge_templates(
        f"un-rotation, best of {GUESSES} guesses", True, np.stack(best), subject, victims
    )


def link_ours(subject: Subject, alpha: float, drop: float) -> list[Link]:
    """Attacks that link the records of both pictures of every pair, under two keys."""
    keys = Key.generate(), Key.generate()
    made, same = [], subject.pairs.same
    for key, rows in zip(keys, subject.pairs.places, strict=True):
        some = subject.faces.take(rows)
        ids = list(range(len(some)))
        made.append(protect_many(some.features, some.weights, key, ids, alpha, drop))
    direct = np.einsum("nmc,nmc->n", made[0].features, made[1].features).astype(np.float64)
    weights = subject.others.weights.mean(0)
    filled = [
        np.concatenate([part.filled for part in observed_by_parts(gallery, key, weights)])
        for gallery, key in zip(made, keys, strict=True)
    ]
    undone = cosines(*(one.reshape(len(one), -1) for one in filled))
    return [
        Link("cosine of records", False, linkability(direct[same], direct[~same])),
        Link("cosine after un-rotation", True, linkability(undone[same], undone[~same])),
    ]


def attack_nothing(subject: Subject, victims: Victims) -> tuple[list[Recovery], list[Link]]:
    """The same attacks on unprotected embeddings, for comparison."""
    embeddings, same = subject.faces.embeddings, subject.pairs.same
    first, second = subject.pairs.places
    alike = cosines(embeddings[first], embeddings[second])
    return (
        [judge_embeddings("reading it", False, embeddings[victims.rows], subject, victims)],
        [Link("cosine of records", False, linkability(alike[same], alike[~same]))],
    )


def attack_rival(
    rival: Rival, subject: Subject, victims: Victims
) -> tuple[list[Recovery], list[Link]]:
    """The attacks on a rival: a learned mapping with a secret key, inversion with a stolen key.

    Also linking records under two keys.
    """
    others, embeddings = subject.others.embeddings, subject.faces.embeddings
    size = embeddings.shape[1]
    secret = rival.draw(1, len(victims.rows), size)
    stored = store(rival, embeddings[victims.rows], secret)
    scale = float(stored.values.std())

    def inputs(epoch: int) -> Floats:
        made = store(rival, others, rival.draw(1000 + epoch, len(others), size))
        return (made.values / scale).numpy()

    mapping = learn_mapping(inputs, others)
    guess = mapping.recover((stored.values / scale).numpy())
    mean, covariance = others.mean(0), np.cov(others.T).astype(np.float32)
    undone = invert(rival, stored, secret, mean, covariance)
    recoveries = [
        judge_embeddings("learned mapping", False, guess, subject, victims),
        judge_embeddings("inversion by gradient", True, undone, subject, victims),
    ]
    same, sides = subject.pairs.same, []
    for seed, rows in zip((2, 3), subject.pairs.places, strict=True):
        sides.append(store(rival, embeddings[rows], rival.draw(seed, len(rows), size)))
    direct = sides[0].scores(sides[1]).astype(np.float64)
    return recoveries, [Link("cosine of records", False, linkability(direct[same], direct[~same]))]
