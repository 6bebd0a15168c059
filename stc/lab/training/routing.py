"""What a router is trained with (STSCQ, arXiv 2510.22943): three losses of where it sends images.

    L = L_quantization + l1 L_balance + l2 L_decide

The paper names what each is for and leaves formulas, weights and scales open; these are ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class RoutingLoss(NamedTuple):
    """The three parts, each a number to be lowered."""

    quantization: Tensor
    balance: Tensor
    decide: Tensor

    def total(self, balance: float = 1.0, decide: float = 0.1) -> Tensor:
        """quantization + l1 balance + l2 decide, with the weights l1 and l2."""
        return self.quantization + balance * self.balance + decide * self.decide


def entropy(probabilities: Tensor) -> Tensor:
    """H(p) = - sum_g p_g ln p_g of [..., G] -> [...]; its gradient is finite at 0, too.

    A softmax of logits far apart does reach 0, where the derivative of p ln p is infinite.
    """
    floor = torch.finfo(probabilities.dtype).tiny
    return -(probabilities * probabilities.clamp_min(floor).log()).sum(-1)


def quantization_loss(probabilities: Tensor, errors: Tensor) -> Tensor:
    """mean_b sum_g p_bg (e_bg / mean_g e_bg - 1): below 0 where p prefers small errors.

    Probability moves to groups whose error is below the mean over groups. Errors count relative
    to that mean, so that hard images weigh no more than others and no scale of latents matters.
    No gradient reaches the errors: codebooks must not serve a router's doubts.
    """
    errors = errors.detach()
    mean = errors.mean(1, keepdim=True).clamp_min(torch.finfo(errors.dtype).tiny)
    return (probabilities * (errors / mean - 1)).sum(1).mean()


def balance_loss(probabilities: Tensor) -> Tensor:
    """ln G - H(mean_b p_b): 0 when a batch spreads evenly over the groups, ln G when on one."""
    return math.log(probabilities.shape[1]) - entropy(probabilities.mean(0))


def decide_loss(probabilities: Tensor) -> Tensor:
    """mean_b H(p_b): 0 when every image is sure of its group, ln G when of none."""
    return entropy(probabilities).mean()


def routing_loss(probabilities: Tensor, errors: Tensor) -> RoutingLoss:
    """All three for a router's probabilities [B, G] and the groups' squared errors [B, G].

    Raises ValueError for shapes that differ or an empty batch, which has no mean.
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
