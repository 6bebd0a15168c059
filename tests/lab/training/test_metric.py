"""The metric of identity: what recognisers look at, and what they do not."""

import pytest
import torch

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.metric import (
    covariance,
    identity_gradients,
    identity_metric,
    parity,
    strongest,
)
from stc.lab.training.subspace import MIRROR, covariances

SIZE = 8


@pytest.fixture
def tokenizer():
    """Components of which the first half are even and the others odd."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(SIZE, 1, [])
    x = torch.randn(6144, SIZE)
    sign = torch.tensor([1.0] * (SIZE // 2) + [-1.0] * (SIZE // 2))
    tokenizer.basis.copy_(torch.linalg.qr(x + sign * x[MIRROR]).Q)
    return tokenizer


def looking_at(tokenizer, axes):
    """A recogniser that sees some components [0, Z) alone."""
    from stc.codec.torch.canvas import to_planes

    def recogniser(rgb):
        seen = tokenizer.components(to_planes((rgb + 1) / 2))[:, axes]
        return torch.nn.functional.normalize(1 + 0.01 * seen)

    return recogniser


def metric_of(tokenizer, recognisers, faces=400):
    """The metric by faces that are random components, and their covariance."""
    z = torch.randn(500, SIZE)
    share, spread = torch.full((500,), 1 / 500), covariance(z, torch.full((500,), 1 / 500))
    planes, mean = tokenizer.planes(z), tokenizer.mean
    gradients = identity_gradients(
        planes,
        mean,
        share,
        covariances(planes, mean, share),
        torch.zeros(6144, 1),
        recognisers,
        faces,
    )
    return identity_metric(gradients, tokenizer, spread), spread


def test_parity_is_that_of_the_basis(tokenizer):
    assert parity(tokenizer).tolist() == [1.0] * 4 + [-1.0] * 4


def test_what_no_recogniser_sees_has_no_weight(tokenizer):
    metric, spread = metric_of(tokenizer, [looking_at(tokenizer, [0, 1, 4, 5])])
    seen = metric.diagonal()[[0, 1, 4, 5]]
    assert metric.diagonal()[[2, 3, 6, 7]].max() < 0.05 * seen.min()
    # Faces vary as much in it as in pixels.
    torch.testing.assert_close((metric * spread).sum(), spread.trace(), rtol=1e-3, atol=0)


def test_even_and_odd_have_nothing_in_common(tokenizer):
    metric, _ = metric_of(tokenizer, [looking_at(tokenizer, [0, 1, 4, 5])])
    assert metric[:4, 4:].abs().max() < 1e-4 * metric.abs().max()


def test_recognisers_have_an_equal_say(tokenizer):
    def loud(rgb):
        return 100 * looking_at(tokenizer, [0, 4, 2])(rgb)

    metric, spread = metric_of(tokenizer, [looking_at(tokenizer, [1, 5, 3]), loud])
    weight = (metric * spread).sum(1)
    one, other = weight[[1, 5, 3]].sum(), weight[[0, 4, 2]].sum()
    torch.testing.assert_close(one, other, rtol=0.05, atol=0)


def test_a_factor_keeps_what_faces_move_along():
    """Axis 0 moves a recogniser most, but no face moves along it."""
    metric, left = (
        torch.diag(torch.tensor([9.0, 4, 1, 1])),
        torch.diag(torch.tensor([0.0, 1, 2, 1])),
    )
    factor = strongest(metric, left, 2)
    torch.testing.assert_close(
        factor @ factor.T, torch.diag(torch.tensor([0.0, 4, 1, 0])), atol=1e-5, rtol=0
    )


def test_a_factor_of_full_rank_is_the_whole_metric():
    half = torch.randn(6, 6)
    metric = half @ half.T
    factor = strongest(metric, torch.diag(torch.logspace(0, -2, 6)), 6)
    torch.testing.assert_close(factor @ factor.T, metric, rtol=1e-4, atol=1e-4)
