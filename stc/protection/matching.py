"""Matching: a fresh plain template against protected ones, one to one and one to many."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError, WrongKeyError
from stc.protection.enrolment import chunk, turn
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.record import ProtectedTemplate
from stc.protection.record_id import id_to_name
from stc.protection.revocation import Revocations
from stc.protection.rotation import across, dot, normalise
from stc.protection.stream import Drawn, Parameters, draw, tag_of
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
    larger part, and tells nothing of the face. The score is the cosine of what is left in every
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
) -> Scores:
    """How alike the query and each record are: float32 [N] in [-1, 1], as `match` gives them.

    A Gallery saves the packing. Beside the records it takes some 20 MB, however many there are.
    A revoked record scores -1.
    Raises WrongKeyError if any other record was made with another key (`made_with` tells which),
    TemplateError if it has another shape or maker than the query.
    """
    tags = gallery.tags if isinstance(gallery, Gallery) else [one.tag for one in gallery]
    valid = [row for row, tag in enumerate(tags) if revoked is None or tag not in revoked]
    scores = np.full(len(tags), -1, np.float32)
    if isinstance(gallery, Gallery):
        some = gallery if len(valid) == len(tags) else gallery.take(valid)
        scores[valid] = _match_gallery(query, some, key)
        return scores
    kinds: dict[Parameters, list[int]] = {}
    for row in valid:
        kinds.setdefault(gallery[row].parameters, []).append(row)
    for parameters, rows in kinds.items():
        step = chunk(parameters)
        for part in (rows[i : i + step] for i in range(0, len(rows), step)):
            packed = Gallery.of([gallery[row] for row in part])
            scores[part] = _match_gallery(query, packed, key)
    return scores


def made_with(key: Key, records: Gallery | Sequence[ProtectedTemplate]) -> npt.NDArray[np.bool_]:
    """Which of N records were made with the key, [N]. While a key is being replaced, galleries
    hold records of two."""
    return np.array(
        [
            hmac.compare_digest(
                tag_of(key, record.parameters, record.name, record.generation), record.tag
            )
            for record in records
        ],
        bool,
    )


def match_pairs(features: Any, weights: Any, gallery: Gallery, key: Key) -> Scores:
    """How alike query i, of features [N, m, c] and weights [N, m], and record i are: [N]."""
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    check_arrays(features, weights)
    if len(features) != len(gallery):
        raise TemplateError(f"{len(features)} queries and {len(gallery)} records are no pairs")
    return _match(features, weights, gallery, key)


def _match_gallery(query: GroupedTemplate, gallery: Gallery, key: Key) -> Scores:
    if query.maker != gallery.parameters.maker:
        raise TemplateError(
            "the query and the record are of two recognisers or heads, and cannot be compared"
        )
    return _match(query.features[None], query.weights[None], gallery, key)


def _match(features: Floats, weights: Floats, gallery: Gallery, key: Key) -> Scores:
    """Queries [N or 1, m, c] and [N or 1, m] against N records."""
    parameters = gallery.parameters
    step = chunk(parameters)
    if features.shape[1:] != (parameters.groups, parameters.size):
        raise TemplateError(
            f"the query is {features.shape[1]} x {features.shape[2]}, "
            f"the record {parameters.groups} x {parameters.size}"
        )
    rows, shares = evidence(features, weights)
    scores = np.zeros(len(gallery), np.float32)
    for start in range(0, len(gallery), step):
        some = slice(start, start + step)
        names = [id_to_name(one) for one in gallery.record_ids[some]]
        drawn = draw(key, parameters, names, gallery.generations[some])
        check_drawn(drawn, gallery, start)
        of = some if len(features) > 1 else slice(None)
        stored = gallery.features[some]
        kept = turn(rows[of], weights[of], drawn, parameters) * (stored != 0)
        if parameters.steps:  # where nothing turned there is no noise to be taken out
            noise = normalise(drawn.noise * (stored != 0))
            kept, stored = across(kept, noise), across(stored, noise)
        cosines = dot(normalise(kept), normalise(stored))
        scores[some] = np.clip((cosines * shares[of]).sum(-1), -1, 1)
    return scores


def check_drawn(drawn: Drawn, gallery: Gallery, start: int) -> None:
    """Raise WrongKeyError unless what was drawn for the records from `start` on has their tags."""
    tags = gallery.tags[start : start + len(drawn.tags)]
    # All of them at once, in constant time.
    if not hmac.compare_digest(drawn.tags.tobytes(), b"".join(tags)):
        pairs = enumerate(zip(drawn.tags, tags, strict=True), start)
        row = next(row for row, (own, tag) in pairs if own.tobytes() != tag)
        raise WrongKeyError(f"record {gallery[row].label} was not made with this key")


def evidence(features: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Unit features, and weights that give what empty groups weigh to the others.

    An empty group would turn into the noise itself, and so look like anybody's.
    """
    rows = unit(features)
    left = weights * rows.any(-1)
    total = left.sum(-1, keepdims=True)
    if (total <= 0).any():
        raise TemplateError("the query has weight in empty groups alone: it shows nobody")
    return rows, np.asarray(left / total, np.float32)
