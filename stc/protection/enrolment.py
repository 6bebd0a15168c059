"""Enrolment: plain templates -> protected ones."""

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

_CELLS = 256 * 49 * 16  # dimensions at a time: their arrays fit a processor's cache


def protect(
    template: GroupedTemplate,
    key: Key,
    record_id: RecordId,
    alpha: float = 0.9,
    drop: float = 0.5,
    *,
    generation: int = 0,
) -> ProtectedTemplate:
    """Protect one template (SlerpFace, arXiv 2407.03043, with a rotation of each group before).

    Each group turns by the key's rotation for this record, then by alpha - w of the angle towards
    the record's noise; round(drop * c) of its dimensions are dropped; what stays gets length one.
    record_id: public, 1 to 64 bytes, never given to two templates of one key and generation.
    Raises TemplateError if alpha is not in [0, 1] or drop not in [0, 1).
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
    alpha: float = 0.9,
    drop: float = 0.5,
    *,
    generation: int = 0,
    maker: bytes = UNKNOWN,
) -> Gallery:
    """Protect N templates: features [N, m, c], weights [N, m] -> a gallery of N records.

    maker: as of GroupedTemplate. Raises TemplateError.
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
    """How many templates are worked on at a time."""
    return max(1, _CELLS // (parameters.groups * parameters.size))


def fill_empty(features: Floats, noise: Floats) -> Floats:
    """Unit rows [n, m, c] with a direction drawn from the key in place of rows of zeros.

    So a record does not tell which groups were empty; they match as a stranger's would.
    """
    empty = np.asarray(~features.any(-1))
    if not empty.any():
        return features
    # Rolled, as the noise itself is what the group will turn to.
    filler = unit(np.roll(noise, 1, axis=-1))
    return np.where(empty[..., None], filler, features).astype(np.float32)


def turn(features: Floats, weights: Floats, drawn: Drawn, parameters: Parameters) -> Floats:
    """Unit features [n, m, c] (or [m, c]) -> rotated, and turned towards the noise of n records."""
    amount = np.clip(parameters.alpha - weights, 0, 1)
    rotated = rotate(features, drawn.signs, mixing(parameters.size))
    return slerp(rotated, normalise(drawn.noise), amount)
