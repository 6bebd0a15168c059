"""Gathering codewords, the inverse of the search."""

import pytest
import torch

from stc.kernels.torch import PackedCodebooks, gather, search

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("images", [0, 1, 6])
def test_every_level_gets_its_own_codewords(device, images):
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(3, t, k, d, generator=generator) for t, k, d in [(5, 7, 4), (2, 300, 9)]]
    packed = PackedCodebooks([level.to(device) for level in levels])
    indices = torch.cat([torch.randint(7, (images, 5)), torch.randint(300, (images, 2))], 1)
    groups = torch.arange(images) % 3
    found = gather(indices.to(device), packed, groups.to(device))
    assert [x.shape for x in found] == [(images, 5, 4), (images, 2, 9)]
    for image in range(images):
        for token in range(7):
            level, own = (0, token) if token < 5 else (1, token - 5)
            expected = levels[level][groups[image], own, indices[image, token]]
            assert torch.equal(found[level][image, own].cpu(), expected)


def test_what_was_found_is_gathered():
    generator = torch.Generator().manual_seed(1)
    codebooks = torch.rand(4, 3, 20, 5, generator=generator)
    chosen = torch.randint(20, (8, 3), generator=generator)
    groups = torch.randint(4, (8,), generator=generator)
    (latents,) = gather(chosen, PackedCodebooks([codebooks]), groups)
    found = search(latents, codebooks)
    assert torch.equal(found.indices, chosen)
    assert torch.equal(found.groups, groups)
    assert found.costs.eq(0).all()


@pytest.mark.parametrize(
    ("indices", "groups"),
    [
        (torch.zeros(2, 2).long(), torch.zeros(2).long()),
        (torch.zeros(2, 3), torch.zeros(2).long()),
        (torch.zeros(2, 3).long(), torch.zeros(3).long()),
        (torch.zeros(2, 3).long(), torch.zeros(2)),
        (torch.full((2, 3), 4), torch.zeros(2).long()),
        (torch.full((2, 3), -1), torch.zeros(2).long()),
        (torch.zeros(2, 3).long(), torch.full((2,), 2)),
        (torch.zeros(2, 3).long(), torch.full((2,), -1)),
    ],
)
def test_what_does_not_fit_is_refused(indices, groups):
    packed = PackedCodebooks([torch.zeros(2, 3, 4, 5)])
    with pytest.raises(ValueError, match="must be"):
        gather(indices, packed, groups)


@pytest.mark.parametrize("levels", [[], [torch.zeros(1, 2, 3, 4), torch.zeros(2, 2, 3, 4)]])
def test_levels_share_their_groups(levels):
    with pytest.raises(ValueError, match="with the same G"):
        PackedCodebooks(levels)
