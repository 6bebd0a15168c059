"""The first residual stage (level) of a shipped model as a base tokenizer.

The tokenizer of shipped models (`stc.codec.torch.tokenizer`) is no base tokenizer: its later levels
quantize the residual of the earlier ones, so their latents depend on quantized tokens. The first
level depends on no other level. With this class it can be used with any arrangement of codebooks.
"""

from __future__ import annotations

from torch import Tensor, nn

from stc.canvas import CANVAS
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.tokenizer import LevelTokenizer


class FirstLevel(nn.Module):
    """A `BaseTokenizer` of level 0; `synthesise` is the linear picture, without the decoder."""

    def __init__(self, tokenizer: LevelTokenizer) -> None:
        super().__init__()
        self.tokenizer, self.level = tokenizer, tokenizer.levels[0]
        self.tokens, self.dimensions = self.level.tokens, self.level.dimensions
        self.size = CANVAS

    def analyse(self, rgb: Tensor) -> Tensor:
        """As `BaseTokenizer.analyse`."""
        components = self.tokenizer.analyse(rgb)[:, : self.level.components]
        latents = components @ self.level.analysis
        return latents.reshape(-1, self.tokens, self.dimensions)

    def synthesise(self, latents: Tensor) -> Tensor:
        """As `BaseTokenizer.synthesise`."""
        components = latents.flatten(1) @ self.level.synthesis
        rest = self.tokenizer.basis.shape[1] - self.level.components
        return to_rgb(self.tokenizer.planes(nn.functional.pad(components, (0, rest))))
