"""Tokens as an encoder by synthesis chooses them, so that the decoder learns to draw those too.

The loop of `stc.codec.synthesis` with what is at hand in training: the recogniser itself in place
of the eye, and a number of tokens in place of a limit in bytes.
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
    """Indices [B, tokens] whose decoded faces the recogniser takes for the sources.

    components [B, Z] of the sources and their embeddings [B, E]; the nearest indices, of which
    counts [B] are drawn; so many rounds. Never worse by the recogniser than the nearest ones.
    """
    plan, aim, now = Plan(rounds), components, indices
    best, least = indices, torch.full((len(indices),), torch.inf)
    for left in reversed(range(rounds + 1)):
        loss, gradient = _slope(tokenizer, decoder, recogniser, groups, now, counts, wanted)
        better = loss < least
        best, least = torch.where(better[:, None], now, best), torch.where(better, loss, least)
        if left:
            length = gradient.norm(dim=1, keepdim=True) + 1e-12
            aim = aim - plan.step * gradient / length - plan.anchor * (aim - components)
            with torch.no_grad():
                now = tokenizer.refine(aim, groups, now, counts, rounds=1)
    return best


def _slope(
    tokenizer: LevelTokenizer,
    decoder: Decoder,
    recogniser: Callable[[Tensor], Tensor],
    groups: Tensor,
    indices: Tensor,
    counts: Tensor,
    wanted: Tensor,
) -> tuple[Tensor, Tensor]:
    """1 - cosine [B] of what is drawn, and its gradient by components [B, Z]."""
    with torch.no_grad(), mixed():
        components = tokenizer.dequantize(indices, groups, counts).float()
        planes = tokenizer.planes(components)
        drawn = decoder(planes, counts / tokenizer.tokens).float().clamp(0, 1)
    with torch.enable_grad():
        components = components.requires_grad_()
        smooth = to_rgb(tokenizer.planes(components))
        # What the decoder adds is taken for a constant, as the encoder takes it.
        with mixed():
            seen = recogniser((smooth + (drawn - smooth).detach()) * 2 - 1)
        loss = 1 - (seen * wanted).sum(1)
        (gradient,) = torch.autograd.grad(loss.sum(), components)
    return loss.detach(), gradient.nan_to_num(0, 0, 0)
