"""Codebooks prepared for the search, once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stc.floating_point import standard_floats
from stc.fork_lock import cached_property

Floats = npt.NDArray[np.float32]

LANES = 16  # codewords are padded to a multiple of this, for vector instructions
MAX_DIMENSIONS = 64


class _Geometry:
    """The prepared codewords without penalties; shared by `with_penalty`."""

    def __init__(self, codebooks: Floats) -> None:
        self.codebooks = codebooks  # [G, T, K, D]
        self.centre = centre_of(codebooks)  # [T, D]

    @cached_property
    def columns(self) -> Floats:
        groups, tokens, codewords, dimensions = self.codebooks.shape
        padded = codewords + -codewords % LANES
        columns = np.zeros((groups, tokens, dimensions, padded), np.float32)
        np.subtract(
            self.codebooks, self.centre[:, None], out=columns[..., :codewords].swapaxes(2, 3)
        )
        return columns

    @cached_property
    def norms(self) -> Floats:
        """[G, T, K]: squared lengths of the centred codewords, summed dimension by dimension.

        With a fixed order equal codewords have equal norms at any position.
        """
        groups, tokens, codewords, dimensions = self.codebooks.shape
        total = np.zeros((groups, tokens, codewords), np.float32)
        for d in range(dimensions):
            total += np.square(self.columns[:, :, d, :codewords])
        return total


class PreparedCodebooks:
    """Codebooks [G, T, K, D] with arrays derived for the search, all float32 and contiguous.

    Every token's codebooks are centred on their common mean, because the expanded square
    |c|^2 - 2 <z, c> is accurate only near the origin. penalty [G, T, K] is added to the squared
    distance. Safe to use from several threads.

    Raises ValueError for shapes that do not fit and for NaN or infinity.
    """

    penalty: Floats | None  # [G, T, K]

    @standard_floats()
    def __init__(
        self, codebooks: npt.NDArray[np.floating], penalty: npt.NDArray[np.floating] | None = None
    ) -> None:
        check_shape(codebooks.shape)
        books = np.ascontiguousarray(codebooks, np.float32)
        squares = np.einsum("gtkd,gtkd->gtk", books, books)
        if not np.isfinite(squares).all():
            raise ValueError("codebooks hold NaN, infinity or numbers whose square is infinite")
        self._geometry = _Geometry(books)
        self.penalty = _checked(penalty, books)

    @standard_floats()
    def with_penalty(self, penalty: npt.NDArray[np.floating] | None) -> PreparedCodebooks:
        """Return the same codebooks with another penalty; prepared arrays are shared.

        Raises ValueError for a penalty of another shape or with NaN or infinity.
        """
        other = object.__new__(PreparedCodebooks)
        other._geometry = self._geometry
        other.penalty = _checked(penalty, self.codebooks)
        return other

    @property
    def codebooks(self) -> Floats:
        """[G, T, K, D], as given."""
        return self._geometry.codebooks

    @property
    def centre(self) -> Floats:
        """[T, D]: the point that is subtracted from all codewords of a token."""
        return self._geometry.centre

    @property
    def columns(self) -> Floats:
        """[G, T, D, K padded]: the centred codebooks, transposed; K is a multiple of LANES."""
        return self._geometry.columns

    @cached_property
    def bias(self) -> Floats:
        """[G, T, K padded]: (|c|^2 + penalty) / 2; infinite in the padding, so never chosen."""
        norms = self._geometry.norms
        bias = np.full((*norms.shape[:2], self.columns.shape[3]), np.inf, np.float32)
        full = norms if self.penalty is None else norms + self.penalty
        bias[..., : self.codewords] = full / 2
        return bias

    @cached_property
    def longest(self) -> Floats:
        """[G, T]: the length of the longest centred codeword."""
        longest: Floats = np.sqrt(self._geometry.norms.max(2))
        return longest

    @property
    def groups(self) -> int:
        return int(self.codebooks.shape[0])

    @property
    def tokens(self) -> int:
        return int(self.codebooks.shape[1])

    @property
    def codewords(self) -> int:
        return int(self.codebooks.shape[2])

    @property
    def dimensions(self) -> int:
        return int(self.codebooks.shape[3])


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise ValueError unless codebooks of this shape can be searched."""
    if len(shape) != 4 or 0 in shape:
        raise ValueError(f"codebooks must be [G, T, K, D] and not empty, not {list(shape)}")
    if shape[3] > MAX_DIMENSIONS:
        raise ValueError(f"codewords must have at most {MAX_DIMENSIONS} dimensions, not {shape[3]}")


def centre_of(codebooks: Floats) -> Floats:
    """Return the mean codeword of every token, [T, D], rounded to few bits.

    codebooks: [G, T, K, D]. With a centre of few bits, numbers of few bits (such as integers) stay
    exact when centred, so exact ties stay exact in every backend. Where all codewords are equal,
    they are the centre.
    """
    spread = codebooks.max((0, 2)) - codebooks.min((0, 2))
    _, exponent = np.frexp(np.maximum(spread, np.float32(2**-100)))  # floor(log2) + 1
    mean = codebooks.mean((0, 2), dtype=np.float64).astype(np.float32).astype(np.float64)
    centre = np.ldexp(np.round(np.ldexp(mean, 3 - exponent)), exponent - 3)
    return np.where(spread > 0, centre, codebooks[0, :, 0]).astype(np.float32)


def _checked(
    penalty: npt.NDArray[np.floating] | None, codebooks: Floats
) -> npt.NDArray[np.float32] | None:
    if penalty is None:
        return None
    if penalty.shape != codebooks.shape[:3]:
        raise ValueError(f"penalty must be {list(codebooks.shape[:3])}, not {list(penalty.shape)}")
    added = np.ascontiguousarray(penalty, np.float32)
    if not np.isfinite(added).all():
        raise ValueError("penalty holds NaN or infinity")
    return added
