"""Groups and their codebooks, on latents of which they are known."""

import pytest
import torch

from stc.lab.training.grouping import Books, Groups, find_groups, fit_own, fit_shared

SPANS = [slice(0, 2), slice(2, 3), slice(3, 6)]
WEIGHT = torch.ones(900)


@pytest.fixture
def kinds():
    """Latents [900, 6] of two kinds of faces: every token has four places of its own in each."""
    torch.manual_seed(0)
    places = 3 * torch.randn(2, 4, 6)
    kind = torch.arange(900) % 2
    chosen = torch.randint(4, (900, len(SPANS)))
    parts = [places[kind, chosen[:, t], span] for t, span in enumerate(SPANS)]
    return torch.cat(parts, 1) + 0.05 * torch.randn(900, 6), kind


def error(latents, books, owner):
    own = torch.stack([books.costs(latents, SPANS, group, 0.0) for group in range(len(books.bits))])
    return float(own[owner, torch.arange(len(latents))].mean())


def test_every_face_is_in_the_group_that_costs_it_least(kinds):
    latents, _ = kinds
    shared = fit_shared(latents, WEIGHT, SPANS, 4)
    groups, books = find_groups(latents, WEIGHT, SPANS, shared, 2, pull=1.0, price=0.01)
    none = torch.zeros_like(groups.owner)
    assert error(latents, books, groups.owner) < 0.8 * error(latents, shared, none)
    costs = torch.stack([books.costs(latents, SPANS, group, 0.01) for group in range(2)])
    cheapest = (costs + 0.01 * groups.bits[:, None]).argmin(0)
    assert (cheapest == groups.owner).float().mean() > 0.95
    assert float((0.5**groups.bits).sum()) == pytest.approx(1)


def test_an_endless_pull_leaves_groups_only_an_offset(kinds):
    latents, kind = kinds
    latents = latents + kind[:, None]
    shared = fit_shared(latents, WEIGHT, SPANS, 4)
    own = fit_own(latents, WEIGHT, SPANS, Groups.of(kind, WEIGHT, 2), shared, pull=1e9)
    difference = own.codewords - shared.codewords
    assert difference.std(1).max() < 1e-3  # over the codewords
    assert difference.mean(1).abs().max() > 0.1
    torch.testing.assert_close(own.bits, shared.bits.expand(2, -1, -1), atol=1e-3, rtol=0)


def test_without_any_pull_codewords_are_the_means_of_their_faces(kinds):
    latents, kind = kinds
    shared = fit_shared(latents, WEIGHT, SPANS, 1)
    own = fit_own(latents, WEIGHT, SPANS, Groups.of(kind, WEIGHT, 2), shared, pull=0.0)
    means = torch.stack([latents[kind == group].mean(0) for group in range(2)])
    torch.testing.assert_close(own.codewords[:, 0], means, atol=1e-4, rtol=1e-4)


def test_a_group_that_has_no_faces_has_the_codebooks_of_all(kinds):
    latents, _ = kinds
    shared = fit_shared(latents, WEIGHT, SPANS, 4)
    alone = Groups.of(torch.zeros(900, dtype=torch.long), WEIGHT, 2)
    own = fit_own(latents, WEIGHT, SPANS, alone, shared, pull=8.0)
    torch.testing.assert_close(own.codewords[1], shared.codewords[0])
    assert torch.isfinite(own.bits).all()
    assert alone.bits[1] > 10


def test_costs_are_errors_and_bits():
    books = Books(
        torch.tensor([[[0.0, 1.0], [2.0, 5.0]]]), torch.tensor([[[1.0, 3.0], [2.0, 0.0]]])
    )
    latents = torch.tensor([[0.5, 1.0], [2.0, 4.0]])
    spans = [slice(0, 1), slice(1, 2)]
    assert books.costs(latents, spans, 0, 0.0).tolist() == [0.25, 1.0]
    assert books.costs(latents, spans, 0, 0.5).tolist() == [0.75 + 1.0, 1.5 + 1.0]


def test_a_face_counts_by_its_weight():
    latents, weight = torch.tensor([[0.0], [1.0]]), torch.tensor([1.0, 3.0])
    books = fit_shared(latents, weight, [slice(0, 1)], 1)
    assert books.codewords.flatten().tolist() == [0.75]
