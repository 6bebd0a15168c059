"""The three losses of a router's training (STSCQ, arXiv 2510.22943).

    L = L_quantization + l1 L_balance + l2 L_decide

The paper states the purpose of each loss; formulas, weights and scales are this project's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class RoutingLoss(NamedTuple):
    """The three parts of a router's loss, scalars."""

    quantization: Tensor
    balance: Tensor
    decide: Tensor

    def total(self, balance: float = 1.0, decide: float = 0.1) -> Tensor:
        """quantization + l1 balance + l2 decide, with the weights l1 and l2."""
        return self.quantization + balance * self.balance + decide * self.decide


def entropy(probabilities: Tensor) -> Tensor:
    """The entropy H(p) = - sum_g p_g ln p_g, in nats; [..., G] -> [...].

    Its gradient is finite at p_g = 0 too, where that of p ln p is infinite; a softmax of distant
    logits reaches 0.
    """
    floor = torch.finfo(probabilities.dtype).tiny
    return -(probabilities * probabilities.clamp_min(floor).log()).sum(-1)


def quantization_loss(probabilities: Tensor, errors: Tensor) -> Tensor:
    """mean_b sum_g p_bg (e_bg / mean_g e_bg - 1): below 0 where p prefers small errors.

    Probability moves to groups whose error is below the mean over groups. Errors are relative to
    that mean, so that neither hard images nor the scale of the latents change the weight. The
    errors get no gradient: an undecided router must not influence the codebooks.
    """
    errors = errors.detach()
    mean = errors.mean(1, keepdim=True).clamp_min(torch.finfo(errors.dtype).tiny)
    return (probabilities * (errors / mean - 1)).sum(1).mean()


def balance_loss(probabilities: Tensor) -> Tensor:
    """ln G - H(mean_b p_b): 0 if a batch uses all groups evenly, ln G if it uses only one."""
    return math.log(probabilities.shape[1]) - entropy(probabilities.mean(0))


def decide_loss(probabilities: Tensor) -> Tensor:
    """mean_b H(p_b): 0 if every image has one certain group, ln G if all groups are equal."""
    return entropy(probabilities).mean()


def routing_loss(probabilities: Tensor, errors: Tensor) -> RoutingLoss:
    """All three losses of a router's probabilities [B, G] and the groups' squared errors [B, G].

    Raises ValueError if the shapes differ or the batch is empty.
    """
    if probabilities.shape != errors.shape or probabilities.ndim != 2 or not len(probabilities):
        raise ValueError(
            f"probabilities and errors must both be [B, G] and B at least 1, "
            f"not {tuple(probabilities.shape)} and {tuple(errors.shape)}"
        )
    return RoutingLoss(
        quantization_loss(probabilities, errors),
        balance_loss(probabilities),
        decide_loss(probabilities),
    )
