"""The shipped model's first level, as a base tokenizer.

The level-ordered tokenizer (`stc.codec.torch.tokenizer`) is a family of its own: its latents are
linear in the picture, and its later levels quantize what the earlier ones left over, so that they
exist only once those are quantized. The first level needs no other; seen through here, it takes any
arrangement of codebooks.
"""

from __future__ import annotations

from torch import Tensor, nn

from stc.canvas import CANVAS
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.tokenizer import LevelTokenizer


class FirstLevel(nn.Module):
    """RGB <-> latents of level 0; a `BaseTokenizer`. Draws without the convolutional decoder."""

    def __init__(self, tokenizer: LevelTokenizer) -> None:
        super().__init__()
        self.tokenizer, self.level = tokenizer, tokenizer.levels[0]
        self.tokens, self.dimensions = self.level.tokens, self.level.dimensions
        self.size = CANVAS

    def analyse(self, rgb: Tensor) -> Tensor:
        """RGB in [0, 1] [B, 3, 128, 128] -> latents [B, T, D]."""
        components = self.tokenizer.analyse(rgb)[:, : self.level.components]
        latents = components @ self.level.analysis
        return latents.reshape(-1, self.tokens, self.dimensions)

    def synthesise(self, latents: Tensor) -> Tensor:
        """Latents [B, T, D] -> RGB [B, 3, 128, 128], not clamped."""
        components = latents.flatten(1) @ self.level.synthesis
        rest = self.tokenizer.basis.shape[1] - self.level.components
        return to_rgb(self.tokenizer.planes(nn.functional.pad(components, (0, rest))))
