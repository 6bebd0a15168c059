"""The tokenizer of residual stages in torch: refinement of tokens, and the choice of groups."""

import pytest
import torch

from stc.codec.torch.tokenizer import Level, LevelShape, LevelTokenizer


@pytest.fixture
def tokenizer():
    """Three levels over 12 components, with different axes that overlap."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(12, 2, [(12, 3, 16, 4), (12, 2, 16, 4), (8, 2, 16, 3)])
    for number, level in enumerate(tokenizer.levels):
        square = torch.linalg.qr(torch.randn(level.components, level.components))[0]
        width = level.tokens * level.dimensions
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
    return (components - tokenizer.dequantize(indices, groups, counts)).square().sum(1)


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
    (groups, _), (others, _) = tokenizer.encode_groups(components, 2)
    everything = torch.full((20,), tokenizer.tokens)
    errors = [
        error(tokenizer, components, own, tokenizer.quantize(components, own), everything)
        for own in (torch.zeros(20).long(), torch.ones(20).long())
    ]
    assert torch.equal(groups, torch.stack(errors).argmin(0))
    assert torch.equal(others, 1 - groups)
    assert set(groups.tolist()) == {0, 1}
    tokenizer.levels[-1].price.fill_(1e6)
    tokenizer.group_bits.copy_(torch.tensor([1.0, 9.0]))
    assert not tokenizer.encode(components)[0].any()


def test_shared_levels_are_searched_for_the_chosen_group_alone():
    torch.manual_seed(1)
    shapes = [LevelShape(6, 2, 8, 2), LevelShape(6, 3, 8, 2, groups=1)]
    tokenizer = LevelTokenizer(6, 4, shapes)
    assert tokenizer.shapes == [LevelShape(6, 2, 8, 2, 4, 0), LevelShape(6, 3, 8, 2, 1, 0)]
    for level in tokenizer.levels:
        level.synthesis.normal_()
        level.codebooks.weight.normal_()
    components = torch.randn(30, 6)
    groups, indices = tokenizer.encode(components)
    assert torch.equal(indices, tokenizer.quantize(components, groups))
    alone = components - tokenizer.dequantize(indices[:, :2], groups)
    for group in range(4):
        own = torch.full((30,), group)
        first = tokenizer.quantize(components, own)[:, :2]
        left = components - tokenizer.dequantize(first, own)
        assert (left.square().sum(1) >= alone.square().sum(1) - 1e-5).all()


def test_an_analysis_follows_its_synthesis_until_it_is_prepared():
    torch.manual_seed(2)
    level = Level(6, 1, 2, 4, 2, rank=3)
    level.synthesis.normal_()
    level.factor.normal_()
    level.identity.fill_(0.5)
    metric = torch.eye(6) + 0.5 * level.factor @ level.factor.T
    torch.testing.assert_close(level.analysis, metric @ level.synthesis.T)
    rest = torch.randn(5, 8)
    whole = torch.block_diag(metric, torch.eye(2))
    expected = torch.einsum("bi,ij,bj->b", rest, whole, rest).double()
    torch.testing.assert_close(level.size(rest), expected, rtol=1e-5, atol=1e-5)
    level.prepare()
    kept = level.analysis
    level.synthesis.mul_(2)
    assert level.analysis is kept
    level.prepare()
    torch.testing.assert_close(level.analysis, 2 * kept)
    assert set(level.state_dict()) == {
        *("codebooks.weight", "synthesis", "factor", "identity", "price", "bits"),
    }
