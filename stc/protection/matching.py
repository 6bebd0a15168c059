"""Matching: a fresh plain template against protected ones, one to one and one to many."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError, WrongKeyError
from stc.protection.enrolment import CHUNK, Backend, module, turn
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.record import ProtectedTemplate, id_to_name
from stc.protection.renewal import Revocations
from stc.protection.rotation import across, dot, mixing, normalise
from stc.protection.stream import Parameters, draw
from stc.protection.template import Floats, GroupedTemplate, as_floats, check_arrays, unit

Scores = npt.NDArray[np.float32]  # [N]


def match(
    query: GroupedTemplate,
    protected: ProtectedTemplate,
    key: Key,
    *,
    revoked: Revocations | None = None,
) -> float:
    """How alike the query and a record are, in [-1, 1].

    The query turns as the record's face did, but by alpha less its own weights, and loses the
    dimensions that the record lacks. Of both the part along the noise is taken out: it is the
    larger part, and says nothing of the face. The score is the cosine of what is left in every
    group, by the query's weight; like a plain one, it is near zero for strangers.
    Raises WrongKeyError, RevokedError, and TemplateError if the shapes differ.
    """
    if revoked is not None:
        revoked.check(protected)
    return float(match_many(query, [protected], key)[0])


def match_many(
    query: GroupedTemplate,
    gallery: Gallery | Sequence[ProtectedTemplate],
    key: Key,
    *,
    revoked: Revocations | None = None,
    backend: Backend = "numpy",
    device: str = "cpu",
) -> Scores:
    """How alike the query and each record are: float32 [N] in [-1, 1], as `match` gives them.

    A Gallery saves the packing. Beside the records it takes some 20 MB, however many there are.
    A revoked record scores -1. backend: numpy, or torch on a device, with the same answers.
    Raises WrongKeyError if any record was made with another key.
    """
    if isinstance(gallery, Gallery):
        scores = _match_gallery(query, gallery, key, backend, device)
    else:
        scores = np.zeros(len(gallery), np.float32)
        kinds: dict[Parameters, list[int]] = {}
        for row, record in enumerate(gallery):
            kinds.setdefault(record.parameters, []).append(row)
        for rows in kinds.values():
            for some in (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)):
                packed = Gallery.of([gallery[row] for row in some])
                scores[some] = _match_gallery(query, packed, key, backend, device)
    if revoked is not None and len(revoked):
        tags = gallery.tags if isinstance(gallery, Gallery) else [one.tag for one in gallery]
        scores[[tag in revoked for tag in tags]] = -1
    return scores


def match_pairs(
    features: Any,
    weights: Any,
    gallery: Gallery,
    key: Key,
    *,
    backend: Backend = "numpy",
    device: str = "cpu",
) -> Scores:
    """How alike query i, of features [N, m, c] and weights [N, m], and record i are: [N]."""
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    check_arrays(features, weights)
    if len(features) != len(gallery):
        raise TemplateError(f"{len(features)} queries and {len(gallery)} records are no pairs")
    return _match(features, weights, gallery, key, backend, device)


def _match_gallery(
    query: GroupedTemplate, gallery: Gallery, key: Key, backend: Backend, device: str
) -> Scores:
    return _match(query.features[None], query.weights[None], gallery, key, backend, device)


def _match(
    features: Floats, weights: Floats, gallery: Gallery, key: Key, backend: Backend, device: str
) -> Scores:
    """Queries [N or 1, m, c] and [N or 1, m] against N records."""
    parameters = gallery.parameters
    if features.shape[1:] != (parameters.groups, parameters.size):
        raise TemplateError(
            f"the query is {features.shape[1]} x {features.shape[2]}, "
            f"the record {parameters.groups} x {parameters.size}"
        )
    xp, move = module(backend, device)
    rows, evidence = _evidence(features, weights)
    matrix, scores = move(mixing(parameters.size)), np.zeros(len(gallery), np.float32)
    for start in range(0, len(gallery), CHUNK):
        some = slice(start, start + CHUNK)
        names = [id_to_name(one) for one in gallery.record_ids[some]]
        drawn = draw(key, parameters, names, gallery.generations[some])
        # All of them at once, in constant time.
        if not hmac.compare_digest(drawn.tags.tobytes(), b"".join(gallery.tags[some])):
            raise WrongKeyError("the record was not made with this key")
        of = some if len(features) > 1 else slice(None)
        stored = move(gallery.features[some])
        turned = turn(
            xp,
            move(rows[of]),
            move(weights[of]),
            move(drawn.noise),
            move(drawn.signs),
            matrix,
            parameters.alpha,
        )
        kept = turned * (stored != 0)
        if parameters.steps:  # where nothing turned there is no noise to be taken out
            noise = normalise(xp, move(drawn.noise) * (stored != 0))
            kept, stored = (across(xp, rows, noise) for rows in (kept, stored))
        cosines = dot(xp, normalise(xp, kept), normalise(xp, stored))
        found = xp.clip((cosines * move(evidence[of])).sum(-1), -1, 1)
        scores[some] = found if xp is np else found.cpu().numpy()
    return scores


def _evidence(features: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Unit features, and weights that give what empty groups weigh to the others.

    An empty group would turn into the noise itself, and so look like anybody's.
    """
    rows = unit(features)
    left = weights * rows.any(-1)
    total = left.sum(-1, keepdims=True)
    if (total <= 0).any():
        raise TemplateError("the query has weight in empty groups alone: it shows nobody")
    return rows, np.asarray(left / total, np.float32)
