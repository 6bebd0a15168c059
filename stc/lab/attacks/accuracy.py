"""Verification accuracy on LFW view 2, with the second picture of each pair enrolled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.lab.attacks.subject import Subject
from stc.lab.evaluation import metrics
from stc.lab.evaluation.verification import accuracy, person
from stc.protection import Gallery, Key, match_pairs, protect_many, read_records

Scores = npt.NDArray[np.float64]  # [P]

ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of the table of accuracy
DROPS = (0.0, 0.25, 0.5, 0.75)
FAR = 1e-3
SHIFTS = 20  # for each, every probe is compared with another pair's record: impostor scores


@dataclass(frozen=True)
class Accuracy:
    """The share of pairs classified correctly, and its standard error."""

    right: float
    error: float


def judge(scores: Scores, subject: Subject) -> Accuracy:
    """The accuracy of similarity scores [P] on the subject's pairs."""
    return Accuracy(*accuracy(-scores, subject.pairs))


def embedding_scores(subject: Subject) -> Scores:
    """The cosine of the unprotected embeddings of every pair, [P]."""
    first, second = subject.pairs.places
    embeddings = subject.faces.embeddings
    return metrics.cosines(embeddings[first], embeddings[second])


def plain_scores(subject: Subject) -> Scores:
    """The group-wise weighted score of the unprotected templates of every pair, [P]."""
    first, second = subject.pairs.places
    faces = subject.faces
    cosines = (faces.features[first] * faces.features[second]).sum(2)
    return np.asarray((faces.weights[first] * cosines).sum(1), np.float64)


def enrol(subject: Subject, key: Key, alpha: float, drop: float) -> Gallery:
    """Records of the second picture of every pair, each with a different record id."""
    _, second = subject.pairs.places
    faces = subject.faces
    ids = [f"pair {i}" for i in range(len(second))]
    return protect_many(faces.features[second], faces.weights[second], key, ids, alpha, drop)


def protected_scores(subject: Subject, gallery: Gallery, key: Key) -> Scores:
    """Scores of the first picture of every pair against the record of the second, [P]."""
    first, _ = subject.pairs.places
    faces = subject.faces
    return match_pairs(faces.features[first], faces.weights[first], gallery, key).astype(np.float64)


def stored(gallery: Gallery, bits: int) -> tuple[Gallery, int]:
    """The gallery after its records were written with `bits` bits and read, and the largest size.

    The size is in bytes.
    """
    files = [record.to_bytes(bits) for record in gallery]
    return Gallery.of(list(read_records(b"".join(files)))), max(map(len, files))


def at(subject: Subject, alpha: float, drop: float) -> Accuracy:
    """Accuracy at one alpha and drop, with a new key."""
    key = Key.generate()
    return judge(protected_scores(subject, enrol(subject, key, alpha, drop), key), subject)


@dataclass(frozen=True)
class Storage:
    """Results of records that were written to bytes and read again."""

    found: Accuracy
    lost: float  # decrease of the accuracy by rounding to bits
    size: int  # bytes of the largest record
    threshold: float  # the score that 0.1 % of the impostor pairs reach
    strangers: int  # the number of impostor pairs


def at_bits(subject: Subject, alpha: float, drop: float, bits: int) -> Storage:
    """Results of records stored with `bits` bits, compared with the same records unrounded."""
    key = Key.generate()
    gallery = enrol(subject, key, alpha, drop)
    kept, size = stored(gallery, bits)
    before, after = (
        judge(protected_scores(subject, some, key), subject) for some in (gallery, kept)
    )
    strangers = stranger_scores(subject, kept, key)
    threshold = float(np.quantile(strangers, 1 - FAR))
    return Storage(after, before.right - after.right, size, threshold, len(strangers))


def stranger_scores(subject: Subject, gallery: Gallery, key: Key) -> Scores:
    """Impostor scores: first pictures of pairs against the records of other people's pairs.

    The protocol's impostor pairs are too few for a threshold at a FAR of 0.1 %, so every probe is
    compared with SHIFTS records.
    """
    pairs, faces = subject.pairs, subject.faces
    first, _ = pairs.places
    one, two = (np.array(list(map(person, side))) for side in (pairs.first, pairs.second))
    found = []
    for shift in np.linspace(0, len(first), SHIFTS + 2).astype(int)[1:-1]:
        moved = np.roll(np.arange(len(first)), shift)
        rows = first[moved]
        scores = match_pairs(faces.features[rows], faces.weights[rows], gallery, key)
        found.append(scores[one[moved] != two].astype(np.float64))
    return np.concatenate(found)
