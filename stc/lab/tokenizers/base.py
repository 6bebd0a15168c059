"""The interface that STC's quantizer needs of a tokenizer: T vectors from an image, and back."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class BaseTokenizer(Protocol):
    """A tokenizer without its quantizer: image <-> latents. Implementations are `nn.Module`s.

    Token t must have the same meaning in every image, such as a cell of a grid or a position in a
    sequence, so that token-specific codebooks can learn it. docs/tokenizers.md shows how to add a
    tokenizer.
    """

    @property
    def tokens(self) -> int:
        """T, the number of latents of an image."""

    @property
    def dimensions(self) -> int:
        """D, the dimensions of a latent."""

    @property
    def size(self) -> int:
        """The side of the square input picture in pixels."""

    def analyse(self, rgb: Tensor) -> Tensor:
        """Latents [B, T, D] of pictures, RGB in [0, 1] [B, 3, size, size]."""

    def synthesise(self, latents: Tensor) -> Tensor:
        """Pictures, RGB [B, 3, size, size], not clamped, from latents [B, T, D]."""
