"""The transformer tokenizer: T latents without a position in the image.

TiTok (Yu et al. 2024, arXiv 2406.07550): a transformer processes patches and T learned queries; its
outputs for the queries are the latents, from which a second transformer reconstructs the patches.
This is the single-stage variant: the decoder's output is pixels, while the paper's two stages
predict the codes of another tokenizer. The layout is the one that bytedance/1d-tokenizer calls
non-legacy: every latent is a linear function of the output of its query. The first checkpoints
reshaped [T, width] as [width, T], which mixed the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

HEAD = 64  # dimensions of an attention head, in all published sizes


class Size(NamedTuple):
    """The width and depth of a transformer."""

    width: int
    depth: int


TINY, SMALL, BASE, LARGE = Size(192, 4), Size(512, 8), Size(768, 12), Size(1024, 24)


@dataclass(frozen=True)
class SequenceConfig:
    """The architecture of a sequence tokenizer; by default it needs 0.53 GMAC per face.

    That is encoder and decoder together. Raises ValueError if the values do not fit each other.
    """

    size: int = 128  # pixels
    patch: int = 16  # pixels
    tokens: int = 64
    dimensions: int = 12
    encoder: Size = TINY
    decoder: Size = TINY

    def __post_init__(self) -> None:
        if self.size % self.patch:
            raise ValueError(f"size {self.size} is not a multiple of the patch, {self.patch}")
        for width in (self.encoder.width, self.decoder.width):
            if width % HEAD:
                raise ValueError(f"width must be a multiple of {HEAD}, not {width}")

    @classmethod
    def published(cls, name: str) -> SequenceConfig:
        """A published configuration at 256 px, by a name in `PUBLISHED`.

        Raises ValueError for any other name.
        """
        if name not in PUBLISHED:
            raise ValueError(f"no published size {name!r}: there are {', '.join(PUBLISHED)}")
        return PUBLISHED[name]

    @property
    def cells(self) -> int:
        """The number of patches along each side of the image."""
        return self.size // self.patch


_PAPER = SequenceConfig(size=256, patch=16, dimensions=12)
# The first three are the paper's. Their published files also have the two-stage decoder and a
# codebook, in total 83.7M, 205M and 641M parameters; here they have 51.7M, 172M and 607M. The
# others were published as single-stage models: BL-64 and SL-256 with 1.56 and 1.32 GB of float32,
# which are 389M and 330M parameters and a codebook [8192, 64].
PUBLISHED = {
    "S-128": replace(_PAPER, tokens=128, encoder=SMALL, decoder=SMALL),
    "B-64": replace(_PAPER, tokens=64, encoder=BASE, decoder=BASE),
    "L-32": replace(_PAPER, tokens=32, encoder=LARGE, decoder=LARGE),
    "BL-64": replace(_PAPER, tokens=64, dimensions=64, encoder=BASE, decoder=LARGE),
    "BL-128": replace(_PAPER, tokens=128, dimensions=64, encoder=BASE, decoder=LARGE),
    "SL-256": replace(_PAPER, tokens=256, dimensions=64, encoder=SMALL, decoder=LARGE),
}


class Block(nn.Module):
    """A transformer block: self-attention and a two-layer network, with pre-normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.enter, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        heads = self.enter(self.norm_attention(x)).unflatten(2, (3, -1, HEAD))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each [B, heads, N, HEAD]
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.leave(mixed.transpose(1, 2).flatten(2))
        return x + self.network(self.norm_network(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """A transformer on patches [B, P, W] and tokens [B, T, W]; returns both.

    As in the published networks, there is a class token in addition, whose output is not used.
    """

    def __init__(self, size: Size, patches: int, tokens: int) -> None:
        super().__init__()
        self.sizes = [1, patches, tokens]
        self.extra = nn.Parameter(torch.randn(1, 1, size.width) * size.width**-0.5)
        self.positions = nn.Parameter(
            torch.randn(1 + patches + tokens, size.width) * size.width**-0.5
        )
        self.enter = nn.LayerNorm(size.width)
        self.blocks = nn.Sequential(*(Block(size.width) for _ in range(size.depth)))
        self.leave = nn.LayerNorm(size.width)

    def forward(self, patches: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        extra = self.extra.expand(len(patches), -1, -1)
        x = self.enter(torch.cat([extra, patches, tokens], 1) + self.positions)
        _, patches, tokens = self.leave(self.blocks(x)).split(self.sizes, 1)
        return patches, tokens


class SequenceTokenizer(nn.Module):
    """A `BaseTokenizer` whose latents are a sequence without positions in the image."""

    def __init__(self, config: SequenceConfig | None = None) -> None:
        super().__init__()
        self.config = config = SequenceConfig() if config is None else config
        self.size, self.tokens, self.dimensions = config.size, config.tokens, config.dimensions
        patches, pixels = config.cells**2, 3 * config.patch**2
        wide, narrow = config.encoder.width, config.decoder.width
        self.embed = nn.Conv2d(3, wide, config.patch, stride=config.patch)
        self.queries = nn.Parameter(torch.randn(1, config.tokens, wide) * wide**-0.5)
        self.encoder = Transformer(config.encoder, patches, config.tokens)
        self.to_latents = nn.Linear(wide, config.dimensions)
        self.from_latents = nn.Linear(config.dimensions, narrow)
        self.blank = nn.Parameter(torch.randn(1, 1, narrow) * narrow**-0.5)
        self.decoder = Transformer(config.decoder, patches, config.tokens)
        self.to_pixels = nn.Linear(narrow, pixels)
        # Patches are reconstructed separately; this convolution smooths their borders.
        self.smooth = nn.Conv2d(3, 3, 3, padding=1)
        self.apply(_initialise)

    def analyse(self, rgb: Tensor) -> Tensor:
        """As `BaseTokenizer.analyse`."""
        patches = self.embed(rgb * 2 - 1).flatten(2).transpose(1, 2)
        _, tokens = self.encoder(patches, self.queries.expand(len(rgb), -1, -1))
        return self.to_latents(tokens)  # type: ignore[no-any-return]

    def synthesise(self, latents: Tensor) -> Tensor:
        """As `BaseTokenizer.synthesise`."""
        cells = self.config.cells
        blank = self.blank.expand(len(latents), cells**2, -1)
        patches, _ = self.decoder(blank, self.from_latents(latents))
        pixels = self.to_pixels(patches).transpose(1, 2).unflatten(2, (cells, cells))
        rgb = self.smooth(F.pixel_shuffle(pixels, self.config.patch))
        return (rgb + 1) / 2  # type: ignore[no-any-return]


def _initialise(layer: nn.Module) -> None:
    """Initialise with small weights, so that blocks change their inputs little at first."""
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
