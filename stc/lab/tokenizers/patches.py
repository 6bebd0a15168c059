"""The linear tokenizer: one token for every patch of the planes, its principal components.

Only the decoder network is trained: analysis and synthesis use one basis, the same for all patches,
which is nearly lossless. Nearly all loss is the quantizer's, so differences between arrangements of
codebooks are clearest in this family.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.canvas import CANVAS
from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.torch.canvas import plane_weight, split_planes, to_planes
from stc.codec.torch.decoder import Decoder

SPENT = 0.25  # the share of tokens, an input of the decoder: the value for small files


@dataclass(frozen=True)
class PatchConfig:
    """The architecture of a patch tokenizer. Raises ValueError for invalid values."""

    cells: int = 8  # along each side of the grid
    dimensions: int = 24  # principal components of each cell
    widths: tuple[int, int, int, int] = (256, 160, 80, 48)  # of the decoder

    def __post_init__(self) -> None:
        if self.cells < 1 or CHROMA % self.cells:
            raise ValueError(f"cells must divide {CHROMA}, not be {self.cells}")
        if not 1 <= self.dimensions <= self.samples:
            raise ValueError(
                f"dimensions must be 1 to {self.samples}, the samples of a cell, "
                f"not {self.dimensions}"
            )

    @property
    def samples(self) -> int:
        """P, the number of luma and chroma samples in a cell."""
        return PLANES // self.cells**2


class PatchTokenizer(nn.Module):
    """A `BaseTokenizer` whose latents are principal components of patches."""

    mean: Tensor  # [P], of weighted patches
    basis: Tensor  # [P, D], orthonormal
    weight: Tensor  # [6144]

    def __init__(self, config: PatchConfig | None = None) -> None:
        super().__init__()
        self.config = config = PatchConfig() if config is None else config
        self.size, self.tokens, self.dimensions = CANVAS, config.cells**2, config.dimensions
        self.register_buffer("mean", torch.zeros(config.samples))
        self.register_buffer("basis", torch.eye(config.samples, config.dimensions))
        self.register_buffer("weight", plane_weight(), persistent=False)
        self.decoder = Decoder(config.widths)

    def patches(self, planes: Tensor) -> Tensor:
        """Planes [B, 6144] -> weighted patches [B, T, P]."""
        luma, chroma = split_planes(planes * self.weight)
        cells = self.config.cells
        parts = [F.pixel_unshuffle(luma, LUMA // cells), F.pixel_unshuffle(chroma, CHROMA // cells)]
        return torch.cat(parts, 1).flatten(2).transpose(1, 2)

    def planes(self, patches: Tensor) -> Tensor:
        """Weighted patches [B, T, P] -> planes [B, 6144], the inverse of `patches`."""
        cells = self.config.cells
        grid = patches.transpose(1, 2).unflatten(2, (cells, cells))
        luma, chroma = grid.split([(LUMA // cells) ** 2, 2 * (CHROMA // cells) ** 2], 1)
        luma = F.pixel_shuffle(luma, LUMA // cells).flatten(1)
        chroma = F.pixel_shuffle(chroma, CHROMA // cells).flatten(1)
        return torch.cat([luma, chroma], 1) / self.weight

    def analyse(self, rgb: Tensor) -> Tensor:
        """As `BaseTokenizer.analyse`."""
        with torch.autocast(rgb.device.type, enabled=False):  # bfloat16 would add an error
            return (self.patches(to_planes(rgb.float())) - self.mean) @ self.basis

    def synthesise(self, latents: Tensor) -> Tensor:
        """As `BaseTokenizer.synthesise`."""
        with torch.autocast(latents.device.type, enabled=False):
            planes = self.planes(latents.float() @ self.basis.T + self.mean)
        return self.decoder(planes, planes.new_full((len(planes),), SPENT))  # type: ignore[no-any-return]
