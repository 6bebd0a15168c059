"""The convolutional tokenizer: one token for every cell of a grid, row by row.

The VQGAN of Esser et al. (2021, arXiv 2012.09841) as MaskGIT uses it (Chang et al. 2022, arXiv
2202.04200): residual blocks of 3x3 convolutions, downsampling by average pooling, upsampling by
nearest neighbour and a convolution, no attention. There are two differences. A stem can fold
patches of pixels into channels first, because a convolution at full resolution costs more than the
rest of a small model. And where the width changes, the shortcut starts from the block's input, as
in He et al. (2016); MaskGIT's starts from the block's output, which is no shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class GridConfig:
    """The architecture of a grid tokenizer; by default encoder and decoder need 0.27 GMAC per face.

    An image is folded by `stem`, then halved until it is `downsampling` times smaller. Resolution
    i, counted from the finest, has `channels * multipliers[i]` channels and `blocks` residual
    blocks; multipliers beyond the coarsest resolution are not used.

    Raises ValueError if the values do not fit each other.
    """

    size: int = 128
    downsampling: int = 16
    dimensions: int = 12
    channels: int = 32
    multipliers: tuple[int, ...] = (1, 2, 4)
    blocks: int = 1
    stem: int = 4

    def __post_init__(self) -> None:
        factor, rest = divmod(self.downsampling, self.stem)
        if rest or factor < 1 or factor & (factor - 1):
            raise ValueError(
                f"downsampling must be the stem, {self.stem}, times a power of two, "
                f"not {self.downsampling}"
            )
        if self.size % self.downsampling:
            raise ValueError(f"size {self.size} is not a multiple of {self.downsampling}")
        if len(self.multipliers) < factor.bit_length():
            raise ValueError(
                f"{factor.bit_length()} resolutions need {factor.bit_length()} multipliers, "
                f"not {len(self.multipliers)}"
            )
        if self.channels % 4:
            raise ValueError(f"channels must be a multiple of 4, not {self.channels}")

    @classmethod
    def published(cls) -> GridConfig:
        """VQGAN f16 at 256 px, as in MaskGIT and bytedance/1d-tokenizer: 256 tokens.

        It has 54.2M parameters. With the codebook [1024, 256] and the generator of 24 layers the
        sum is 227M, the number published for MaskGIT.
        """
        return cls(
            size=256,
            downsampling=16,
            dimensions=256,
            channels=128,
            multipliers=(1, 1, 2, 2, 4),
            blocks=2,
            stem=1,
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of every resolution, the finest first."""
        resolutions = (self.downsampling // self.stem).bit_length()
        return tuple(self.channels * m for m in self.multipliers[:resolutions])

    @property
    def cells(self) -> int:
        """The number of cells along each side of the grid."""
        return self.size // self.downsampling


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(32, channels // 4), channels, eps=1e-6)


def _conv(before: int, after: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=bias)


class Block(nn.Module):
    """A residual block of two normalised 3x3 convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _norm(before),
            nn.SiLU(),
            _conv(before, after, bias=False),
            _norm(after),
            nn.SiLU(),
            _conv(after, after, bias=False),
        )
        same = before == after
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.inner(x)  # type: ignore[no-any-return]


def _blocks(number: int, before: int, after: int) -> list[nn.Module]:
    return [Block(before if i == 0 else after, after) for i in range(number)]


def encoder(config: GridConfig) -> nn.Sequential:
    """The encoder network: RGB in [-1, 1] [B, 3, size, size] -> latents [B, D, cells, cells]."""
    widths = config.widths
    layers: list[nn.Module] = [
        nn.PixelUnshuffle(config.stem),
        _conv(3 * config.stem**2, widths[0], bias=False),
    ]
    before = widths[0]
    for i, width in enumerate(widths):
        layers += [nn.AvgPool2d(2)] if i else []
        layers += _blocks(config.blocks, before, width)
        before = width
    layers += _blocks(config.blocks, before, before)
    layers += [_norm(before), nn.SiLU(), nn.Conv2d(before, config.dimensions, 1)]
    return nn.Sequential(*layers)


def decoder(config: GridConfig) -> nn.Sequential:
    """The decoder network: latents [B, D, cells, cells] -> RGB in [-1, 1] [B, 3, size, size]."""
    widths = config.widths[::-1]
    before = widths[0]
    layers: list[nn.Module] = [_conv(config.dimensions, before)]
    layers += _blocks(config.blocks, before, before)
    for i, width in enumerate(widths):
        layers += [nn.Upsample(scale_factor=2), _conv(before, before)] if i else []
        layers += _blocks(config.blocks, before, width)
        before = width
    layers += [_norm(before), nn.SiLU(), _conv(before, 3 * config.stem**2)]
    return nn.Sequential(*layers, nn.PixelShuffle(config.stem))


class GridTokenizer(nn.Module):
    """A `BaseTokenizer` with a latent for every cell of a grid."""

    def __init__(self, config: GridConfig | None = None) -> None:
        super().__init__()
        self.config = GridConfig() if config is None else config
        self.size, self.dimensions = self.config.size, self.config.dimensions
        self.tokens = self.config.cells**2
        self.encoder, self.decoder = encoder(self.config), decoder(self.config)

    def analyse(self, rgb: Tensor) -> Tensor:
        """As `BaseTokenizer.analyse`."""
        return self.encoder(rgb * 2 - 1).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]

    def synthesise(self, latents: Tensor) -> Tensor:
        """As `BaseTokenizer.synthesise`."""
        cells = latents.transpose(1, 2).unflatten(2, (self.config.cells, self.config.cells))
        return (self.decoder(cells) + 1) / 2  # type: ignore[no-any-return]
