"""What is derived from the key for a record: noise, rotation, and which dimensions are dropped.

All steps but the last use integers, so every machine derives the same values. Noise: 16 bits choose
one of 65,536 quantiles of the normal distribution, rounded to 1/4096, which is coarse enough that
all implementations of the quantile function agree. Rotation: two bits a dimension are signs.
Dropped positions: derived from the record's tag, the stream's first eight bytes, which the record
holds in plain form.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from stc.errors import TemplateError
from stc.protection.key import Key
from stc.protection.template import MAX_DIMENSIONS, UNKNOWN, Floats, check_maker

TAG = 8  # bytes
STEPS = 10_000  # alpha is stored as a multiple of 1 / STEPS
MAX_GENERATION = 0xFFFF
DEFAULT_ALPHA = 0.9
DEFAULT_DROP = 0.5
_DOMAIN = b"stc.protection 1"
_POSITIONS = b"stc.protection 1 positions"
_QUANTILES = 1 << 16
_UNIT = 4096


@dataclass(frozen=True)
class Parameters:
    """The parameters of a record.

    groups: m. size: dimensions c of a group, of which `kept` are not dropped. steps: alpha times
    10,000. maker: as in `GroupedTemplate`.
    """

    groups: int
    size: int
    kept: int
    steps: int
    maker: bytes = UNKNOWN

    @classmethod
    def of(
        cls, shape: tuple[int, int], alpha: float, drop: float, maker: bytes = UNKNOWN
    ) -> Parameters:
        """Parameters from `shape` (m, c), alpha in [0, 1] and drop in [0, 1).

        Raises TemplateError for other values, and if drop leaves fewer than two dimensions.
        """
        groups, size = shape
        if not 0 <= alpha <= 1:  # also refuses NaN
            raise TemplateError(f"alpha is from 0 to 1, not {alpha}")
        if not 0 <= drop < 1:
            raise TemplateError(f"drop is at least 0 and less than 1, not {drop}")
        kept = size - round(drop * size)
        if kept < 2:  # removing the noise from a single dimension would leave nothing
            raise TemplateError(f"drop {drop} leaves {kept} of {size} dimensions, 2 are needed")
        check_maker(maker)
        return cls(groups, size, kept, round(alpha * STEPS), maker)

    @property
    def alpha(self) -> float:
        return self.steps / STEPS

    @property
    def drop(self) -> float:
        """The share of dimensions that are dropped."""
        return 1 - self.kept / self.size

    def context(self, name: bytes, generation: int) -> bytes:
        """The context of a record's stream, hashed after the key: all its inputs but the face."""
        numbers = (self.groups, self.size, self.kept, self.steps, generation)
        return _DOMAIN + struct.pack("<5H", *numbers) + self.maker + name


def check_generation(generation: int) -> None:
    """Raise TemplateError unless the generation is from 0 to 65,535."""
    if not 0 <= generation <= MAX_GENERATION:
        raise TemplateError(f"generations are 0 to {MAX_GENERATION}, not {generation}")


@dataclass(frozen=True, eq=False)
class Drawn:
    """The values of n records that are derived from the key: tags, uint8 [n, 8]; noise [n, m, c],
    not normalised; the rotation's signs [n, 2, m, c]."""

    tags: npt.NDArray[np.uint8]
    noise: Floats
    signs: Floats


def tag_of(key: Key, parameters: Parameters, name: bytes, generation: int) -> bytes:
    """The tag of a record, the first bytes of its stream, without computing the rest."""
    return key.stream(parameters.context(name, generation), TAG)


def draw(
    key: Key, parameters: Parameters, names: Sequence[bytes], generations: Sequence[int]
) -> Drawn:
    """Derive tag, noise and rotation of n records with these names and generations."""
    cells = parameters.groups * parameters.size
    bits = -(-2 * cells // 8)
    length = TAG + bits + 2 * cells
    rows = [
        key.stream(parameters.context(name, generation), length)
        for name, generation in zip(names, generations, strict=True)
    ]
    data = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), length)
    shape = (len(rows), parameters.groups, parameters.size)
    numbers = np.ascontiguousarray(data[:, TAG + bits :]).view("<u2")
    signs = np.unpackbits(data[:, TAG : TAG + bits], axis=1, count=2 * cells)
    return Drawn(
        data[:, :TAG],
        np.take(_quantiles(), numbers).reshape(shape),
        (1 - 2 * signs.astype(np.float32)).reshape(len(rows), 2, *shape[1:]),
    )


def kept_positions(tag: bytes, parameters: Parameters) -> npt.NDArray[np.bool_]:
    """The dimensions of a record that are not dropped, bool [m, c]: exactly `kept` a group, chosen
    without replacement.

    Each dimension gets 24 pseudo-random bits; those with the smallest numbers are kept. They depend
    on the tag, not on the features, so the positions contain no information about the face.
    """
    shape = (parameters.groups, parameters.size)
    context = _POSITIONS + struct.pack("<3H", *shape, parameters.kept) + tag
    data = hashlib.shake_256(context).digest(4 * shape[0] * shape[1])
    # The lowest eight bits are replaced by the dimension's number, so no two numbers are equal.
    numbers = np.frombuffer(data, "<u4").reshape(shape) & ~np.uint32(MAX_DIMENSIONS - 1)
    order = np.sort(numbers | np.arange(shape[1], dtype=np.uint32), 1)[:, : parameters.kept]
    kept = np.zeros(shape, bool)
    np.put_along_axis(kept, (order & np.uint32(MAX_DIMENSIONS - 1)).astype(np.int64), True, 1)
    return kept


@lru_cache(maxsize=1)
def _quantiles() -> Floats:
    """The normal quantiles (i + 0.5) / 65,536 for i from 0 to 65,535, rounded to 1/4096."""
    inverse = NormalDist().inv_cdf
    half = [round(_UNIT * inverse((i + 0.5) / _QUANTILES)) for i in range(_QUANTILES // 2)]
    both = np.array([*half, *(-value for value in reversed(half))], np.float32)
    table: Floats = both / np.float32(_UNIT)
    table.flags.writeable = False
    return table
