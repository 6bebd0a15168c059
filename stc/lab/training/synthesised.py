"""Encoding by synthesis in training, so that the decoder also sees tokens that synthesis chooses.

The loop of `stc.codec.synthesis`, with a recognition model instead of the eye, and numbers of
tokens instead of a limit of bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from stc.codec.synthesis import Plan
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.precision import mixed


def synthesised(
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    recogniser: Callable[[Tensor], Tensor],
    components: Tensor,
    groups: Tensor,
    indices: Tensor,
    counts: Tensor,
    wanted: Tensor,
    rounds: int,
) -> Tensor:
    """Indices [B, tokens] whose decoded faces have embeddings close to those of the sources.

    components [B, Z] and wanted [B, E]: the sources' components and embeddings. indices: the start,
    by nearest-codeword search in `groups` [B]; a face is decoded from its first counts [B] tokens.
    The result's cosine is never below that of the start.
    """
    plan, aim, now = Plan(rounds), components, indices
    best, least = indices, torch.full((len(indices),), torch.inf)
    for left in reversed(range(rounds + 1)):
        loss, gradient = _gradient(tokenizer, decoder, recogniser, groups, now, counts, wanted)
        better = loss < least
        best, least = torch.where(better[:, None], now, best), torch.where(better, loss, least)
        if left:
            length = gradient.norm(dim=1, keepdim=True) + 1e-12
            aim = aim - plan.step * gradient / length - plan.anchor * (aim - components)
            with torch.no_grad():
                now = tokenizer.refine(aim, groups, now, counts, rounds=1)
    return best


def _gradient(
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    recogniser: Callable[[Tensor], Tensor],
    groups: Tensor,
    indices: Tensor,
    counts: Tensor,
    wanted: Tensor,
) -> tuple[Tensor, Tensor]:
    """1 - cosine [B] of the decoded faces, and its gradient with respect to components [B, Z]."""
    with torch.no_grad(), mixed():
        components = tokenizer.dequantize(indices, groups, counts).float()
        planes = tokenizer.planes(components)
        drawn = decoder(planes, counts / tokenizer.tokens).float().clamp(0, 1)
    with torch.enable_grad():
        components = components.requires_grad_()
        smooth = to_rgb(tokenizer.planes(components))
        # As in the encoder, the detail that the decoder adds is a constant of the gradient.
        with mixed():
            seen = recogniser((smooth + (drawn - smooth).detach()) * 2 - 1)
        loss = 1 - (seen * wanted).sum(1)
        (gradient,) = torch.autograd.grad(loss.sum(), components)
    return loss.detach(), gradient.nan_to_num(0, 0, 0)
