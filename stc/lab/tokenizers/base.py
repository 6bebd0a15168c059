"""What STC's quantizer asks of a tokenizer: T vectors from an image, an image from T vectors."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class BaseTokenizer(Protocol):
    """Image <-> latents, before and after any quantizer. Implementations are `nn.Module`s.

    Token t must mean the same for every image (a cell of a grid, a place in a sequence): that is
    what a codebook of its own can learn. docs/tokenizers.md shows how to bring one.
    """

    @property
    def tokens(self) -> int:
        """T, latents an image."""

    @property
    def dimensions(self) -> int:
        """D, numbers a latent."""

    @property
    def size(self) -> int:
        """Pixels along each side of the square canvas."""

    def analyse(self, rgb: Tensor) -> Tensor:
        """RGB in [0, 1] [B, 3, size, size] -> latents [B, T, D]."""

    def synthesise(self, latents: Tensor) -> Tensor:
        """Latents [B, T, D] -> RGB [B, 3, size, size], not clamped."""
