"""The transform of a level, and which of its axes every token gets."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LIGHT = 0.5  # of a token's even share of the bits: a weaker axis goes to the lightest token
_SLACK = 8  # axes that a token may have beyond the even number


def transform(covariance: Tensor, factor: Tensor, identity: float) -> tuple[Tensor, Tensor]:
    """Principal axes of components in the metric W = I + identity * F F^T.

    covariance [Z, Z] of the components; factor F [Z, r] -> synthesis [Z, Z], a latent a column,
    and the variance along every axis [Z]. W times the synthesis is the analysis: latents are
    measured in W, and their squared errors add up.
    """
    metric = torch.eye(len(covariance)) + identity * factor @ factor.T
    values, vectors = torch.linalg.eigh(metric)
    root = vectors * values.sqrt() @ vectors.T
    variance, axes = torch.linalg.eigh(root @ covariance @ root)
    return vectors * values.rsqrt() @ vectors.T @ axes, variance


def allot(variance: Tensor, tokens: int, bits: float, fill: float) -> tuple[list[list[int]], float]:
    """Axes for every token so that each carries about `bits` bits, and the water level.

    Reverse water-filling finds the level theta at which the axes above it cost fill * bits *
    tokens bits; they are then dealt evenly: strong axes one a token, the rest to the lightest.
    A face may stop inside the level: the tokens that remove most error come first.
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
    """The squared error of each axis at which all together cost so many bits."""
    low, high = 1e-9, variance.max().item()
    theta = high
    for _ in range(60):
        theta = math.sqrt(low * high)
        spent = (0.5 * torch.log2(variance / theta)).clamp_min(0).sum().item()
        low, high = (theta, high) if spent > bits else (low, theta)
    return theta
