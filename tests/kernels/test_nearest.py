"""The definition of the search, against a loop that nobody could get wrong."""

import pytest
import torch

from stc.kernels import search


def brute_force(latents, codebooks, penalty=None):
    """Costs [B, G, T, K] in float64."""
    difference = latents.double()[:, None, :, None] - codebooks.double()[None]
    costs = difference.square().sum(-1)
    return costs if penalty is None else costs + penalty.double()[None]


@pytest.mark.parametrize(
    ("b", "g", "t", "k", "d"),
    [(1, 1, 1, 1, 1), (5, 1, 7, 256, 9), (3, 4, 5, 13, 16), (2, 3, 1, 100, 64), (0, 2, 3, 4, 5)],
)
@pytest.mark.parametrize("with_penalty", [False, True])
def test_matches_brute_force(b, g, t, k, d, with_penalty):
    generator = torch.Generator().manual_seed(b * 1000 + d)
    latents = torch.randn(b, t, d, generator=generator)
    codebooks = torch.randn(g, t, k, d, generator=generator)
    penalty = torch.rand(g, t, k, generator=generator) if with_penalty else None
    costs = brute_force(latents, codebooks, penalty)
    least, expected = costs.min(-1)  # [B, G, T]

    every = search(latents, codebooks, groups="all", penalty=penalty)
    torch.testing.assert_close(every.indices, expected)
    torch.testing.assert_close(every.costs, least.float())

    best = search(latents, codebooks, penalty=penalty)
    chosen = least.sum(2).argmin(1)
    rows = torch.arange(b)
    torch.testing.assert_close(best.groups, chosen)
    torch.testing.assert_close(best.indices, expected[rows, chosen])

    given = torch.randint(g, (b,), generator=generator)
    named = search(latents, codebooks, groups=given, penalty=penalty)
    torch.testing.assert_close(named.groups, given)
    torch.testing.assert_close(named.indices, expected[rows, given])


def test_ties_go_to_the_lowest_index_and_group():
    latents = torch.zeros(2, 3, 4)
    codebooks = torch.ones(5, 3, 8, 4)
    found = search(latents, codebooks)
    assert found.indices.eq(0).all()
    assert found.groups.eq(0).all()


def test_far_from_the_origin():
    generator = torch.Generator().manual_seed(0)
    codebooks = torch.randn(1, 2, 64, 8, generator=generator) + 1000
    latents = torch.randn(50, 2, 8, generator=generator) + 1000
    expected = brute_force(latents, codebooks).argmin(-1)[:, 0]
    assert (search(latents, codebooks).indices == expected).float().mean() > 0.99


@pytest.mark.parametrize(
    ("latents", "codebooks", "penalty"),
    [
        (torch.zeros(2, 3), torch.zeros(1, 3, 4, 5), None),
        (torch.zeros(2, 3, 5), torch.zeros(1, 2, 4, 5), None),
        (torch.zeros(2, 3, 4), torch.zeros(1, 3, 4, 5), None),
        (torch.zeros(2, 3, 5), torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 5)),
        (torch.full((2, 3, 5), float("nan")), torch.zeros(1, 3, 4, 5), None),
        (torch.full((2, 3, 5), float("inf")), torch.zeros(1, 3, 4, 5), None),
    ],
)
def test_what_does_not_fit_is_refused(latents, codebooks, penalty):
    with pytest.raises(ValueError, match=r"must be|do not fit|NaN"):
        search(latents, codebooks, penalty=penalty)
