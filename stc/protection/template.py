"""The plain template: groups of features, with a weight for each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError

Floats = npt.NDArray[np.float32]

MAX_GROUPS = 1024
MAX_DIMENSIONS = 256  # of one group
MAX_CELLS = 1 << 14  # dimensions of all groups
MAKER = 4  # bytes that identify the recognition model and head that made a template
UNKNOWN = bytes(MAKER)
# Tolerance for the sum of the weights, which a softmax in half precision keeps.
_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class GroupedTemplate:
    """A template of m groups: features [m, c], one row per group, and weights [m].

    Rows can have any length; a row of zeros is an empty group. Weights are not negative and sum to
    one. Both arrays are stored as float32.
    maker: four bytes that identify the recognition model and head (`Extractor.maker`), since
    templates of different makers cannot be compared; zeros if unknown.
    Raises TemplateError for other shapes, NaN, infinities, features that are all zero, and weights
    that are negative or do not sum to one.
    """

    features: Floats
    weights: Floats
    maker: bytes = UNKNOWN

    def __post_init__(self) -> None:
        check_maker(self.maker)
        features, weights = as_floats(self.features, 2), as_floats(self.weights, 1)
        check_arrays(features[None], weights[None])
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "weights", weights)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, c): the number of groups, and of dimensions of a group."""
        return self.features.shape


def as_floats(values: Any, dimensions: int) -> Floats:
    """A read-only float32 copy of an array with `dimensions` dimensions.

    Raises TemplateError for anything else.
    """
    try:
        array = np.array(values, dtype=np.float32, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise TemplateError(f"not an array of numbers: {error}") from error
    if array.ndim != dimensions:
        raise TemplateError(f"an array of {dimensions} dimensions is needed, not {array.ndim}")
    array.flags.writeable = False
    return array


def check_maker(maker: bytes) -> None:
    """Raise TemplateError unless `maker` has four bytes."""
    if len(maker) != MAKER:
        raise TemplateError(f"a maker has {MAKER} bytes, this has {len(maker)}")


def is_sound_shape(groups: int, size: int) -> bool:
    """Whether a template may have `groups` groups of `size` dimensions."""
    return 1 <= groups <= MAX_GROUPS and 2 <= size <= MAX_DIMENSIONS and groups * size <= MAX_CELLS


def check_arrays(features: Floats, weights: Floats) -> None:
    """Raise TemplateError unless features [N, m, c] and weights [N, m] are N valid templates."""
    count, groups, size = features.shape
    if not is_sound_shape(groups, size):
        raise TemplateError(
            f"features are [m, c] with m up to {MAX_GROUPS}, c from 2 to {MAX_DIMENSIONS} and "
            f"m * c up to {MAX_CELLS}, these are [{groups}, {size}]"
        )
    if weights.shape != (count, groups):
        raise TemplateError(f"{groups} groups need {groups} weights, not {weights.shape[-1]}")
    if not (np.isfinite(features).all() and np.isfinite(weights).all()):
        raise TemplateError("features and weights must be finite numbers")
    sums = weights.sum(1, dtype=np.float64)
    if (weights < 0).any() or (np.abs(sums - 1) > _SLACK).any():
        raise TemplateError("weights must not be negative and must sum to one")
    if not features.any((1, 2)).all():
        raise TemplateError("at least one feature of a template must not be zero")


def unit(rows: Floats) -> Floats:
    """Rows [..., c] of any scale, scaled to length one; rows of zeros stay zero."""
    largest = np.abs(rows).max(-1, keepdims=True)
    # Scaled first, so that squares neither underflow nor overflow.
    scaled = rows / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.square(scaled).sum(-1, keepdims=True))
    return np.asarray(scaled / np.where(length > 0, length, 1), np.float32)


def similarity(query: GroupedTemplate, other: GroupedTemplate) -> float:
    """The score of two plain templates, in [-1, 1]: the mean of the groups' cosines, weighted by
    the query's weights."""
    cosines = (unit(query.features) * unit(other.features)).sum(-1)
    return float(np.clip((query.weights * cosines).sum(), -1, 1))
