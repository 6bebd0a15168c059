"""The metric of identity: what recognisers look at, and what they do not."""

import pytest
import torch

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.metric import covariance, identity_factor, parity
from stc.lab.training.subspace import MIRROR

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


def factor(tokenizer, recognisers, rank=SIZE, faces=400):
    z = torch.randn(500, SIZE)
    share = torch.full((500,), 1 / 500)
    found = identity_factor(z, z, share, tokenizer, recognisers, faces=faces, rank=rank)
    return found, covariance(z, share)


def test_parity_is_that_of_the_basis(tokenizer):
    assert parity(tokenizer).tolist() == [1.0] * 4 + [-1.0] * 4


def test_what_no_recogniser_sees_has_no_weight(tokenizer):
    found, spread = factor(tokenizer, [looking_at(tokenizer, [0, 1, 4, 5])])
    metric = found @ found.T
    seen = metric.diagonal()[[0, 1, 4, 5]]
    assert metric.diagonal()[[2, 3, 6, 7]].max() < 0.05 * seen.min()
    # Faces vary as much in it as in pixels.
    torch.testing.assert_close((metric * spread).sum(), spread.trace(), rtol=1e-3, atol=0)


def test_even_and_odd_have_nothing_in_common(tokenizer):
    found, _ = factor(tokenizer, [looking_at(tokenizer, [0, 1, 4, 5])])
    metric = found @ found.T
    assert metric[:4, 4:].abs().max() < 1e-4 * metric.abs().max()


def test_recognisers_have_an_equal_say(tokenizer):
    def loud(rgb):
        return 100 * looking_at(tokenizer, [0, 4, 2])(rgb)

    found, spread = factor(tokenizer, [looking_at(tokenizer, [1, 5, 3]), loud])
    weight = (found @ found.T * spread).sum(1)
    one, other = weight[[1, 5, 3]].sum(), weight[[0, 4, 2]].sum()
    torch.testing.assert_close(one, other, rtol=0.05, atol=0)


def test_its_rank_is_what_is_asked_for(tokenizer):
    found, _ = factor(tokenizer, [looking_at(tokenizer, [0, 1, 4, 5])], rank=2)
    assert found.shape == (SIZE, 2)
    assert torch.linalg.matrix_rank(found) == 2
