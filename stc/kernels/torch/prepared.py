"""Codebooks made ready for every backend, once."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

# Codewords are padded to a multiple of these:
LANES = 16  # for vector instructions
CHUNK = 128  # for tensor cores
MOST_DIMENSIONS = 64


class _Geometry:
    """Where the codewords lie, in every form that a backend reads; shared by all penalties."""

    def __init__(self, codebooks: Tensor) -> None:
        self.codebooks = codebooks  # float32 [G, T, K, D]
        self.centre = _centre(codebooks)  # [T, D]

    @cached_property
    def centred(self) -> Tensor:
        """[G, T, K, D]"""
        return self.codebooks - self.centre[:, None]

    @cached_property
    def norms(self) -> Tensor:
        """[G, T, K]: squared lengths of the centred codewords, summed dimension by dimension.

        In that order equal codewords have equal norms, wherever they stand.
        """
        total = torch.zeros_like(self.centred[..., 0])
        for dimension in self.centred.unbind(-1):
            total += dimension.square()
        return total

    @cached_property
    def columns(self) -> Tensor:
        codewords = self.codebooks.shape[2]
        return F.pad(self.centred.transpose(2, 3), (0, -codewords % LANES)).contiguous()

    @cached_property
    def split(self) -> tuple[Tensor, Tensor]:
        _, _, codewords, dimensions = self.codebooks.shape
        wide = max(16, 1 << (dimensions - 1).bit_length())
        padded = F.pad(self.centred, (0, wide - dimensions, 0, -codewords % CHUNK))
        hi = padded.bfloat16()
        return hi, (padded - hi.float()).bfloat16()


class PreparedCodebooks:
    """Codebooks [G, T, K, D] and what a search needs of them.

    Every token's codebooks are centred on their common mean: the expanded square
    |c|^2 - 2 <z, c> keeps its digits only near the origin. penalty [G, T, K] is added to the
    squared distance. Everything stays on the device of the codebooks.

    Raises ValueError for shapes that do not fit and for NaN or infinity.
    """

    penalty: Tensor | None  # float32 [G, T, K]

    def __init__(self, codebooks: Tensor, penalty: Tensor | None = None) -> None:
        if codebooks.ndim != 4 or 0 in codebooks.shape:
            raise ValueError(
                f"codebooks must be [G, T, K, D] and not empty, not {tuple(codebooks.shape)}"
            )
        if codebooks.shape[3] > MOST_DIMENSIONS:
            raise ValueError(
                f"codewords have {codebooks.shape[3]} dimensions, at most {MOST_DIMENSIONS} serve"
            )
        codebooks = codebooks.detach().float().contiguous()
        if not torch.isfinite(codebooks.square().sum(3)).all():
            raise ValueError("codebooks hold NaN, infinity or numbers whose square is infinite")
        self._geometry = _Geometry(codebooks)
        self.penalty = _checked(penalty, codebooks)

    def with_penalty(self, penalty: Tensor | None) -> PreparedCodebooks:
        """The same codebooks with another penalty; the codebooks are not prepared again."""
        other = object.__new__(PreparedCodebooks)
        other._geometry = self._geometry
        other.penalty = _checked(penalty, self.codebooks)
        return other

    @property
    def codebooks(self) -> Tensor:
        """float32 [G, T, K, D], as given."""
        return self._geometry.codebooks

    @property
    def centre(self) -> Tensor:
        """[T, D]: what every codebook of a token was moved by."""
        return self._geometry.centre

    @property
    def groups(self) -> int:
        return self.codebooks.shape[0]

    @property
    def tokens(self) -> int:
        return self.codebooks.shape[1]

    @property
    def codewords(self) -> int:
        return self.codebooks.shape[2]

    @property
    def dimensions(self) -> int:
        return self.codebooks.shape[3]

    @property
    def device(self) -> torch.device:
        return self.codebooks.device

    @property
    def centred(self) -> Tensor:
        """[G, T, K, D]"""
        return self._geometry.centred

    @property
    def columns(self) -> Tensor:
        """[G, T, D, K padded]: the centred codebooks with codewords side by side."""
        return self._geometry.columns

    @property
    def split(self) -> tuple[Tensor, Tensor]:
        """bfloat16 [G, T, K padded, D padded] twice: the centred codebooks are hi + lo.

        Two bfloat16 hold 16 bits of a float32's 24 and multiply on tensor cores. D is padded to
        a power of two from 16 up, the shortest dot product those take, K to whole chunks.
        """
        return self._geometry.split

    @cached_property
    def bias(self) -> Tensor:
        """[G, T, K padded]: (|c|^2 + penalty) / 2; infinite in the padding, which never wins."""
        return self._bias(LANES)

    @cached_property
    def chunk_bias(self) -> Tensor:
        """The bias as far as `split` reaches."""
        return self._bias(CHUNK)

    def _bias(self, multiple: int) -> Tensor:
        norms = self._geometry.norms
        full = norms if self.penalty is None else norms + self.penalty
        return F.pad(full / 2, (0, -self.codewords % multiple), value=float("inf"))


def _centre(codebooks: Tensor) -> Tensor:
    """About the mean codeword of every token, [T, D], in few digits.

    With those, numbers of few digits (integers, say) stay exact when centred, and exact ties
    stay exact in every backend's arithmetic.
    """
    spread = codebooks.amax((0, 2)) - codebooks.amin((0, 2))
    step = torch.exp2(spread.clamp_min(2**-100).log2().floor() - 2)
    centre = (codebooks.mean((0, 2)) / step).round() * step
    return torch.where(spread > 0, centre, codebooks[0, :, 0])


def _checked(penalty: Tensor | None, codebooks: Tensor) -> Tensor | None:
    if penalty is None:
        return None
    if penalty.shape != codebooks.shape[:3]:
        raise ValueError(
            f"penalty must be {tuple(codebooks.shape[:3])}, not {tuple(penalty.shape)}"
        )
    if not torch.isfinite(penalty).all():
        raise ValueError("penalty holds NaN or infinity")
    return penalty.detach().to(codebooks.device, torch.float32).contiguous()
