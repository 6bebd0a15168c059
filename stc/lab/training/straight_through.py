"""The quantizer as something that gradients pass, so that transforms and codebooks can be tuned.

Forward, every latent becomes its nearest codeword; backward, the codeword and the latent both get
the codeword's gradient (straight-through estimator, van den Oord et al. 2017, arXiv 1711.00937).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.codec.torch.tokenizer import Level, LevelTokenizer


def transforms(tokenizer: LevelTokenizer) -> list[Tensor]:
    """Analysis and synthesis of every level."""
    return [matrix for level in tokenizer.levels for matrix in (level.analysis, level.synthesis)]


def codebooks(tokenizer: LevelTokenizer) -> list[Tensor]:
    """The codewords of every level."""
    return [level.codebooks.weight for level in tokenizer.levels]


def straight_through(
    tokenizer: LevelTokenizer, components: Tensor, groups: Tensor, indices: Tensor, counts: Tensor
) -> Tensor:
    """Components [B, Z] and their indices -> what the first counts[b] tokens say, [B, Z].

    The same numbers as `dequantise`. Padded dimensions stay zero: latent, codeword and synthesis
    are all zero there, and so is every gradient.
    """
    rest, total, start = components, torch.zeros_like(components), 0
    for level in tokenizer.levels:
        own = rest[:, : level.components]
        latents = (own @ level.analysis).unflatten(1, (level.tokens, level.dimensions))
        own_indices = indices[:, start : start + level.tokens]
        codewords = level.codebooks.gather(own_indices, groups) + latents - latents.detach()
        keep = torch.arange(start, start + level.tokens) < counts[:, None]
        rest = rest - _place(codewords, level, rest)
        total = total + _place(codewords * keep[..., None], level, total)
        start += level.tokens
    return total


def _place(codewords: Tensor, level: Level, like: Tensor) -> Tensor:
    """Codewords [B, T, D] of a level as components [B, Z] of the shape of `like`."""
    part = codewords.flatten(1) @ level.synthesis
    return F.pad(part, (0, like.shape[1] - level.components))
