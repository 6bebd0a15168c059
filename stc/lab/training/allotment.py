"""The transform of a level, and the allocation of its axes to tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LIGHT = 0.5  # axes below this share of a token's mean bits go to the token with the fewest bits
_SLACK = 8  # axes that a token may have above the mean number


def transform(covariance: Tensor, factor: Tensor, identity: float) -> tuple[Tensor, Tensor]:
    """Principal axes of components in the metric W = I + identity * F F^T.

    covariance [Z, Z]: of the components; factor: F [Z, r]. Returns the synthesis matrix [Z, Z],
    with a column for each latent, and the variance of each latent [Z]. The analysis matrix is W
    times the synthesis matrix; the squared errors of latents add up to the error in the metric W.
    """
    metric = torch.eye(len(covariance)) + identity * factor @ factor.T
    values, vectors = torch.linalg.eigh(metric)
    root = vectors * values.sqrt() @ vectors.T
    variance, axes = torch.linalg.eigh(root @ covariance @ root)
    return vectors * values.rsqrt() @ vectors.T @ axes, variance


def allot(variance: Tensor, tokens: int, bits: float, fill: float) -> tuple[list[list[int]], float]:
    """Allocate axes to tokens so that each carries about `bits` bits; also returns the water level.

    Reverse water-filling finds the distortion theta at which the axes of variance [Z] above it
    need fill * bits * tokens bits. Strong axes are distributed one by one over all tokens, weak
    ones to the token with the fewest bits. Tokens that remove most error come first, because a
    file can end within a level.
    """
    theta = _water_level(variance, fill * bits * tokens)
    order = torch.argsort(variance, descending=True)
    order = order[variance[order] > theta]
    rates = (0.5 * torch.log2(variance[order] / theta)).tolist()
    most = max(_SLACK, -(-len(order) // tokens) + _SLACK)
    light = _LIGHT * sum(rates) / tokens
    axes: list[list[int]] = [[] for _ in range(tokens)]
    load = [0.0] * tokens
    for axis, rate in zip(order.tolist(), rates, strict=True):
        free = [t for t in range(tokens) if len(axes[t]) < most]
        if rate < light:
            token = min(free, key=lambda t: (load[t], t))
        else:
            token = min(free, key=lambda t: (len(axes[t]), load[t]))
        axes[token].append(axis)
        load[token] += rate
    axes.sort(key=lambda own: theta * len(own) - variance[own].sum().item())
    return axes, theta


def _water_level(variance: Tensor, bits: float) -> float:
    """The distortion of each axis at which all axes together need `bits` bits."""
    low, high = 1e-9, variance.max().item()
    theta = high
    for _ in range(60):
        theta = math.sqrt(low * high)
        spent = (0.5 * torch.log2(variance / theta)).clamp_min(0).sum().item()
        low, high = (theta, high) if spent > bits else (low, theta)
    return theta
