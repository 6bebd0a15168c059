"""The transform of a level and the dealing of its axes, on numbers small enough to check."""

import numpy as np
import pytest
import torch

from stc.lab.training.allotment import allot, transform


def test_allot_deals_every_useful_axis_once():
    variance = torch.logspace(1, -4, 200)
    dealt, theta = allot(variance, tokens=10, bits=8, fill=0.9)
    axes = [axis for token in dealt for axis in token]
    assert sorted(axes) == list(range(int((variance > theta).sum())))
    bits = [sum(0.5 * np.log2(variance[a].item() / theta) for a in token) for token in dealt]
    assert sum(bits) == pytest.approx(10 * 8 * 0.9, rel=1e-3)
    assert max(bits) < 1.3 * min(bits)


def test_tokens_that_remove_most_error_come_first():
    variance = torch.logspace(1, -4, 200)
    dealt, theta = allot(variance, tokens=10, bits=8, fill=0.9)
    gain = [float(variance[token].sum()) - theta * len(token) for token in dealt]
    assert gain == sorted(gain, reverse=True)


@pytest.mark.parametrize("identity", [0.0, 4.0])
def test_latents_are_uncorrelated_and_measured_in_the_metric(identity):
    torch.manual_seed(0)
    x, factor = torch.randn(4000, 12) @ torch.randn(12, 12), torch.randn(12, 3)
    covariance = x.T @ x / len(x)
    synthesis, variance = transform(covariance, factor, identity)
    metric = torch.eye(12) + identity * factor @ factor.T
    analysis = metric @ synthesis
    torch.testing.assert_close(analysis.T @ synthesis, torch.eye(12), atol=1e-3, rtol=0)
    torch.testing.assert_close(
        analysis.T @ covariance @ analysis, torch.diag(variance), atol=2e-2, rtol=1e-3
    )
    face = torch.randn(12)
    torch.testing.assert_close((analysis.T @ face).square().sum(), face @ metric @ face)
