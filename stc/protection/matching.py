"""Matching a plain template (the query) against protected templates, one to one or one to many."""

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
    """The similarity score of the query and a record, in [-1, 1].

    The query is transformed like the record at enrolment, with alpha less the query's weights, and
    loses the same dimensions. From both, the component along the noise is removed: it is the larger
    one and contains no information about the face. The score is the mean of the groups' cosines,
    weighted by the query's weights. Like the score of plain templates it is near zero for
    different people.
    Raises WrongKeyError if the record was made with another key, RevokedError if it was revoked,
    TemplateError if shape or maker differ.
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
    """The scores of the query and each record, float32 [N] in [-1, 1], as defined for `match`.

    A Gallery is faster than a sequence, which has to be packed first. Besides the records this uses
    about 20 MB of memory for any N. A revoked record scores -1.
    Raises WrongKeyError if a record that is not revoked was made with another key (`made_with`
    shows which), TemplateError if it has another shape or maker than the query.
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
    """Which of N records were made with the key: bool [N].

    While a key is being replaced, a gallery holds records of both keys.
    """
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
    """The scores [N] of query i and record i, for queries of features [N, m, c], weights [N, m].

    Raises TemplateError for wrong arrays or another number of records, WrongKeyError if a record
    was made with another key.
    """
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    check_arrays(features, weights)
    if len(features) != len(gallery):
        raise TemplateError(
            f"{len(features)} queries need {len(features)} records, not {len(gallery)}"
        )
    return _match(features, weights, gallery, key)


def _match_gallery(query: GroupedTemplate, gallery: Gallery, key: Key) -> Scores:
    if query.maker != gallery.parameters.maker:
        raise TemplateError(
            "the query and the record were made with different recognisers or heads and cannot be "
            "compared"
        )
    return _match(query.features[None], query.weights[None], gallery, key)


def _match(features: Floats, weights: Floats, gallery: Gallery, key: Key) -> Scores:
    """The scores [N] of N queries, or of one, with N records; weights are [N or 1, m]."""
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
        if parameters.steps:  # with alpha 0 records contain no noise
            noise = normalise(drawn.noise * (stored != 0))
            kept, stored = across(kept, noise), across(stored, noise)
        cosines = dot(normalise(kept), normalise(stored))
        scores[some] = np.clip((cosines * shares[of]).sum(-1), -1, 1)
    return scores


def check_drawn(drawn: Drawn, gallery: Gallery, start: int) -> None:
    """Raise WrongKeyError unless the drawn tags equal those of the records from `start` on."""
    tags = gallery.tags[start : start + len(drawn.tags)]
    # One comparison of all tags, in constant time.
    if not hmac.compare_digest(drawn.tags.tobytes(), b"".join(tags)):
        pairs = enumerate(zip(drawn.tags, tags, strict=True), start)
        row = next(row for row, (own, tag) in pairs if own.tobytes() != tag)
        raise WrongKeyError(f"record {gallery[row].label} was not made with this key")


def evidence(features: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Unit features, and weights with those of empty groups redistributed to the others.

    An empty group would become the noise itself and so match every record.
    Raises TemplateError if only empty groups have weight.
    """
    rows = unit(features)
    left = weights * rows.any(-1)
    total = left.sum(-1, keepdims=True)
    if (total <= 0).any():
        raise TemplateError("all weight of the query is on empty groups: it cannot be matched")
    return rows, np.asarray(left / total, np.float32)
