"""Matching: a fresh plain template against protected ones, one to one and one to many."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError, WrongKeyError
from stc.protection.enrolment import CHUNK, Backend, module, turn
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.record import ProtectedTemplate, id_to_name
from stc.protection.renewal import Revocations
from stc.protection.rotation import dot, mixing, normalise
from stc.protection.stream import Parameters, draw
from stc.protection.template import Floats, GroupedTemplate, unit

Scores = npt.NDArray[np.float32]  # [N]


def match(
    query: GroupedTemplate,
    protected: ProtectedTemplate,
    key: Key,
    *,
    revoked: Revocations | None = None,
) -> float:
    """How alike the query and a record are, in [-1, 1].

    The query turns as the record's face did, but by alpha less its own weights; it loses the
    dimensions that the record lacks; the score is the cosine of every group by the query's weight.
    Scores lie close to one, the closer the larger alpha: choose a threshold for the parameters.
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

    A Gallery saves the packing. Beside the records it takes some 100 MB, however many there are.
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


def _match_gallery(
    query: GroupedTemplate, gallery: Gallery, key: Key, backend: Backend, device: str
) -> Scores:
    parameters = gallery.parameters
    if query.shape != (parameters.groups, parameters.size):
        raise TemplateError(
            f"the query is {query.shape[0]} x {query.shape[1]}, "
            f"the record {parameters.groups} x {parameters.size}"
        )
    xp, move = module(backend, device)
    features, weights = _evidence(query)
    matrix, scores = move(mixing(parameters.size)), np.zeros(len(gallery), np.float32)
    features, weights, own = move(features), move(weights), move(query.weights)
    for start in range(0, len(gallery), CHUNK):
        some = slice(start, start + CHUNK)
        names = [id_to_name(one) for one in gallery.record_ids[some]]
        drawn = draw(key, parameters, names, gallery.generations[some])
        # All of them at once, in constant time.
        if not hmac.compare_digest(drawn.tags.tobytes(), b"".join(gallery.tags[some])):
            raise WrongKeyError("the record was not made with this key")
        stored = move(gallery.features[some])
        turned = turn(
            xp, features, own, move(drawn.noise), move(drawn.signs), matrix, parameters.alpha
        )
        rows = normalise(xp, turned * (stored != 0))
        cosines = dot(xp, rows, normalise(xp, stored))
        found = xp.clip((cosines * weights).sum(-1), -1, 1)
        scores[some] = found if xp is np else found.cpu().numpy()
    return scores


def _evidence(query: GroupedTemplate) -> tuple[Floats, Floats]:
    """Unit features, and weights that give what empty groups weigh to the others.

    An empty group would turn into the noise itself, and so look like anybody's.
    """
    features = unit(query.features)
    weights = query.weights * features.any(-1)
    total = weights.sum()
    if total <= 0:
        raise TemplateError("the query has weight in empty groups alone: it shows nobody")
    return features, np.asarray(weights / total, np.float32)
