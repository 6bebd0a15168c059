"""The plain template: groups of features, and how much each group counts."""

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
MAKER = 4  # bytes that tell what made templates from one another
UNKNOWN = bytes(MAKER)
# How far the sum of the weights may be from one: a softmax in half precision is no farther.
_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class GroupedTemplate:
    """features [m, c], one row a group; weights [m], not negative, that sum to one.

    Rows need not have length one, and a row of zeros is an empty group. Both are kept as float32.
    maker: four bytes that tell recognisers and heads from one another (`Extractor.maker`), since
    templates of two makers cannot be compared; zeros where nothing is known.
    Raises TemplateError for other shapes, for NaN and infinities, and for other weights.
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
        """Groups m and dimensions c."""
        return self.features.shape


def as_floats(values: Any, dimensions: int) -> Floats:
    """A read-only float32 copy of an array of so many dimensions. Raises TemplateError."""
    try:
        array = np.array(values, dtype=np.float32, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise TemplateError(f"not an array of numbers: {error}") from error
    if array.ndim != dimensions:
        raise TemplateError(f"{dimensions} dimensions are needed, these are {array.ndim}")
    array.flags.writeable = False
    return array


def check_maker(maker: bytes) -> None:
    """Raise TemplateError unless it has four bytes."""
    if len(maker) != MAKER:
        raise TemplateError(f"a maker has {MAKER} bytes, this has {len(maker)}")


def is_sound_shape(groups: int, size: int) -> bool:
    """Whether templates may have so many groups of so many dimensions."""
    return 1 <= groups <= MAX_GROUPS and 2 <= size <= MAX_DIMENSIONS and groups * size <= MAX_CELLS


def check_arrays(features: Floats, weights: Floats) -> None:
    """Raise TemplateError unless [N, m, c] and [N, m] are the arrays of N sound templates."""
    count, groups, size = features.shape
    if not is_sound_shape(groups, size):
        raise TemplateError(
            f"features are [m, c] with m up to {MAX_GROUPS}, c from 2 to {MAX_DIMENSIONS} and "
            f"m * c up to {MAX_CELLS}, these are [{groups}, {size}]"
        )
    if weights.shape != (count, groups):
        raise TemplateError(f"{groups} groups need as many weights, there are {weights.shape[-1]}")
    if not (np.isfinite(features).all() and np.isfinite(weights).all()):
        raise TemplateError("features and weights must be finite numbers")
    sums = weights.sum(1, dtype=np.float64)
    if (weights < 0).any() or (np.abs(sums - 1) > _SLACK).any():
        raise TemplateError("weights must not be negative and must sum to one")
    if not features.any((1, 2)).all():
        raise TemplateError("a template of zeros alone shows nobody")


def unit(rows: Floats) -> Floats:
    """Rows [..., c] with length one; rows of zeros stay zero, whatever their scale."""
    largest = np.abs(rows).max(-1, keepdims=True)
    # Scaled first, so that squares neither vanish nor overflow.
    scaled = rows / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.square(scaled).sum(-1, keepdims=True))
    return np.asarray(scaled / np.where(length > 0, length, 1), np.float32)


def similarity(query: GroupedTemplate, other: GroupedTemplate) -> float:
    """The plain score in [-1, 1]: cosine of every group, by the query's weights."""
    cosines = (unit(query.features) * unit(other.features)).sum(-1)
    return float(np.clip((query.weights * cosines).sum(), -1, 1))
