"""The level-ordered tokeniser: tokens that are searched again, groups that compete."""

import pytest
import torch

from stc.codec.torch.tokenizer import LevelTokenizer


@pytest.fixture
def tokenizer():
    """Three levels over 12 components, each with axes of its own that overlap the others'."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(12, 2, [(12, 3, 16, 4), (12, 2, 16, 4), (8, 2, 16, 3)])
    for number, level in enumerate(tokenizer.levels):
        square = torch.linalg.qr(torch.randn(level.components, level.components))[0]
        width = level.tokens * level.dimensions
        level.analysis.copy_(square[:, :width])
        level.synthesis.copy_(square[:, :width].T)
        level.codebooks.weight.copy_(torch.randn_like(level.codebooks.weight) * 0.6**number)
    return tokenizer


@pytest.fixture
def coded(tokenizer):
    """Components [50, 12], groups, indices and a number of tokens for each."""
    components = torch.randn(50, 12)
    groups, indices = tokenizer.encode(components)
    return components, groups, indices, torch.arange(50) % 8


def error(tokenizer, components, groups, indices, counts):
    return (components - tokenizer.dequantise(indices, groups, counts)).square().sum(1)


def test_refined_tokens_are_nearer(tokenizer, coded):
    components, groups, indices, counts = coded
    refined = tokenizer.refine(components, groups, indices, counts)
    before = error(tokenizer, components, groups, indices, counts)
    after = error(tokenizer, components, groups, refined, counts)
    # Orthogonal axes: no step of the search can lengthen what is left over.
    assert (after <= before + 1e-5).all()
    assert after[counts > 3].mean() < 0.97 * before[counts > 3].mean()


def test_tokens_that_a_face_does_not_have_stay(tokenizer, coded):
    components, groups, indices, counts = coded
    refined = tokenizer.refine(components, groups, indices, counts)
    beyond = torch.arange(tokenizer.tokens) >= counts[:, None]
    assert torch.equal(refined[beyond], indices[beyond])
    assert torch.equal(refined[counts <= 3], indices[counts <= 3])  # one level alone is the best


def test_a_face_is_refined_the_same_alone(tokenizer, coded):
    whole = tokenizer.refine(*coded)
    for row in range(0, 50, 7):
        alone = tokenizer.refine(*(field[row : row + 1] for field in coded))
        assert torch.equal(alone[0], whole[row])


def test_the_best_group_has_the_least_error(tokenizer):
    components = torch.randn(20, 12)
    groups, _ = tokenizer.encode(components)
    everything = torch.full((20,), tokenizer.tokens)
    errors = [
        error(tokenizer, components, own, tokenizer.quantise(components, own), everything)
        for own in (torch.zeros(20).long(), torch.ones(20).long())
    ]
    assert torch.equal(groups, torch.stack(errors).argmin(0))
    assert set(groups.tolist()) == {0, 1}
