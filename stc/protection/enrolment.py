"""Enrolment: plain templates -> protected templates (records)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.record import ProtectedTemplate
from stc.protection.record_id import RecordId, check_ids
from stc.protection.rotation import mixing, normalise, rotate, slerp
from stc.protection.stream import (
    DEFAULT_ALPHA,
    DEFAULT_DROP,
    Drawn,
    Parameters,
    check_generation,
    draw,
    kept_positions,
)
from stc.protection.template import (
    UNKNOWN,
    Floats,
    GroupedTemplate,
    as_floats,
    check_arrays,
    unit,
)

_CELLS = 256 * 49 * 16  # dimensions per chunk: the arrays of a chunk fit a processor's cache


def protect(
    template: GroupedTemplate,
    key: Key,
    record_id: RecordId,
    alpha: float = DEFAULT_ALPHA,
    drop: float = DEFAULT_DROP,
    *,
    generation: int = 0,
) -> ProtectedTemplate:
    """Protect one template by SlerpFace (arXiv 2407.03043), preceded by a rotation of each group.

    Each group is rotated by the key's rotation for this record, then interpolated spherically
    towards the record's noise by alpha - w of the angle between them, w being the group's weight.
    round(drop * c) of its c dimensions are dropped, and the others scaled to length one.
    record_id: public, 1 to 64 bytes; use each only once per key and generation.
    Raises TemplateError if alpha is not in [0, 1], drop not in [0, 1), or the id not valid.
    """
    many = protect_many(
        template.features[None],
        template.weights[None],
        key,
        [record_id],
        alpha,
        drop,
        generation=generation,
        maker=template.maker,
    )
    return many[0]


def protect_many(
    features: Any,
    weights: Any,
    key: Key,
    record_ids: Sequence[RecordId],
    alpha: float = DEFAULT_ALPHA,
    drop: float = DEFAULT_DROP,
    *,
    generation: int = 0,
    maker: bytes = UNKNOWN,
) -> Gallery:
    """Protect N templates: features [N, m, c], weights [N, m] -> a gallery of N records.

    alpha, drop: as for `protect`. maker: as in `GroupedTemplate`.
    Raises TemplateError for wrong arrays or parameters, and for ids that are not valid or distinct.
    """
    features, weights = as_floats(features, 3), as_floats(weights, 2)
    check_arrays(features, weights)
    check_generation(generation)
    names = check_ids(record_ids, len(features))
    parameters = Parameters.of(features.shape[1:], alpha, drop, maker)
    made, tags = np.zeros(features.shape, np.float32), []
    step = chunk(parameters)
    for start in range(0, len(features), step):
        some = slice(start, start + step)
        drawn = draw(key, parameters, names[some], [generation] * len(names[some]))
        tags += [row.tobytes() for row in drawn.tags]
        rows = fill_empty(unit(features[some]), drawn.noise)
        turned = turn(rows, weights[some], drawn, parameters)
        kept = np.stack([kept_positions(tag, parameters) for tag in tags[some]])
        made[some] = normalise(turned * kept)
    return Gallery(made, list(record_ids), parameters, tags, [generation] * len(made))


def chunk(parameters: Parameters) -> int:
    """The number of templates of a chunk."""
    return max(1, _CELLS // (parameters.groups * parameters.size))


def fill_empty(features: Floats, noise: Floats) -> Floats:
    """Unit rows [n, m, c], with rows of zeros replaced by directions derived from `noise`.

    So a record does not show which groups were empty; these score like a stranger's groups.
    """
    empty = np.asarray(~features.any(-1))
    if not empty.any():
        return features
    # Rolled, because the noise itself is the direction that groups are interpolated towards.
    filler = unit(np.roll(noise, 1, axis=-1))
    return np.where(empty[..., None], filler, features).astype(np.float32)


def turn(features: Floats, weights: Floats, drawn: Drawn, parameters: Parameters) -> Floats:
    """Rotate unit features [n or 1, m, c] for n records and interpolate them towards their noise.

    Returns [n, m, c].
    """
    amount = np.clip(parameters.alpha - weights, 0, 1)
    rotated = rotate(features, drawn.signs, mixing(parameters.size))
    return slerp(rotated, normalise(drawn.noise), amount)
