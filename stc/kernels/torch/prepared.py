"""Codebooks on a torch device prepared for all backends, once."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.fork_lock import cached_property
from stc.kernels import prepared as on_host
from stc.kernels.prepared import MAX_DIMENSIONS, centre_of, check_shape

__all__ = ["CHUNK", "MAX_DIMENSIONS", "PreparedCodebooks"]

CHUNK = 128  # codewords are padded to a multiple of this, for tensor cores


class _Geometry:
    """The codewords in the forms that backends read, without penalties; see `with_penalty`."""

    def __init__(self, codebooks: Tensor) -> None:
        self.codebooks = codebooks  # float32 [G, T, K, D]
        self.centre = torch.from_numpy(centre_of(codebooks.cpu().numpy())).to(codebooks.device)

    @cached_property
    def host(self) -> on_host.PreparedCodebooks:
        return on_host.PreparedCodebooks(self.codebooks.numpy())

    @cached_property
    def centred(self) -> Tensor:
        """[G, T, K, D]"""
        return self.codebooks - self.centre[:, None]

    @cached_property
    def norms(self) -> Tensor:
        """[G, T, K]: squared lengths of the centred codewords, summed dimension by dimension.

        With a fixed order equal codewords have equal norms at any position.
        """
        total = torch.zeros_like(self.centred[..., 0])
        for dimension in self.centred.unbind(-1):
            total += dimension.square()
        return total

    @cached_property
    def split(self) -> tuple[Tensor, Tensor]:
        _, _, codewords, dimensions = self.codebooks.shape
        wide = max(16, 1 << (dimensions - 1).bit_length())
        padded = F.pad(self.centred, (0, wide - dimensions, 0, -codewords % CHUNK))
        hi = padded.bfloat16()
        return hi, (padded - hi.float()).bfloat16()


class PreparedCodebooks:
    """Codebooks [G, T, K, D] with arrays derived for the search, on the device of the codebooks.

    They are centred and have penalties as in `stc.kernels.PreparedCodebooks`; `host` is one, for
    the CPU. Each array is computed when a backend first reads it.

    Raises ValueError for shapes that do not fit and for NaN or infinity.
    """

    penalty: Tensor | None  # float32 [G, T, K]

    def __init__(self, codebooks: Tensor, penalty: Tensor | None = None) -> None:
        check_shape(tuple(codebooks.shape))
        codebooks = codebooks.detach().float().contiguous()
        if not torch.isfinite(codebooks.square().sum(3)).all():
            raise ValueError("codebooks hold NaN, infinity or numbers whose square is infinite")
        self._geometry = _Geometry(codebooks)
        self.penalty = _checked(penalty, codebooks)

    def with_penalty(self, penalty: Tensor | None) -> PreparedCodebooks:
        """Return the same codebooks with another penalty; prepared arrays are shared.

        Raises ValueError for a penalty of another shape or with NaN or infinity.
        """
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
        """[T, D]: the point that is subtracted from all codewords of a token."""
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

    @cached_property
    def host(self) -> on_host.PreparedCodebooks:
        """The codebooks for backends of numpy arrays; only on the CPU, where memory is shared."""
        if self.penalty is None:
            return self._geometry.host
        return self._geometry.host.with_penalty(self.penalty.numpy())

    @property
    def centred(self) -> Tensor:
        """[G, T, K, D]: codebooks - centre."""
        return self._geometry.centred

    @cached_property
    def bias(self) -> Tensor:
        """[G, T, K]: (|c|^2 + penalty) / 2."""
        norms = self._geometry.norms
        return (norms if self.penalty is None else norms + self.penalty) / 2

    @property
    def split(self) -> tuple[Tensor, Tensor]:
        """Two arrays bfloat16 [G, T, K padded, D padded]; the centred codebooks are hi + lo.

        Two bfloat16 numbers keep 16 of the 24 bits of a float32, and tensor cores multiply them. D
        is padded to a power of two, at least 16, the shortest dot product of tensor cores; K is
        padded to a multiple of CHUNK.
        """
        return self._geometry.split

    @cached_property
    def chunk_bias(self) -> Tensor:
        """[G, T, K padded]: the bias, padded as `split`; infinite there, so never chosen."""
        return F.pad(self.bias, (0, -self.codewords % CHUNK), value=float("inf"))


def _checked(penalty: Tensor | None, codebooks: Tensor) -> Tensor | None:
    if penalty is None:
        return None
    if penalty.shape != codebooks.shape[:3]:
        raise ValueError(f"penalty must be {list(codebooks.shape[:3])}, not {list(penalty.shape)}")
    penalty = penalty.detach().to(codebooks.device, torch.float32).contiguous()
    if not torch.isfinite(penalty).all():
        raise ValueError("penalty holds NaN or infinity")
    return penalty
