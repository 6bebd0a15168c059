"""The patch tokenizer: an exact inverse, one basis for all cells, a token for every place."""

import pytest
import torch

from stc.codec.torch.canvas import to_planes, to_rgb
from stc.lab.tokenizers import PatchConfig, PatchTokenizer

WIDTHS = (8, 8, 8, 8)


@pytest.mark.parametrize("cells", [4, 16])
def test_all_components_of_a_patch_are_the_patch(cells):
    torch.manual_seed(0)
    config = PatchConfig(cells, 6144 // cells**2, WIDTHS)
    tokenizer, rgb = PatchTokenizer(config), torch.rand(2, 3, 128, 128)
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(config.samples, config.samples)).Q)
    tokenizer.mean.copy_(torch.rand(config.samples))
    planes = to_planes(rgb)
    torch.testing.assert_close(tokenizer.planes(tokenizer.patches(planes)), planes)
    drawn = tokenizer.synthesise(tokenizer.analyse(rgb))  # a new decoder adds nothing
    torch.testing.assert_close(drawn, to_rgb(planes), atol=1e-5, rtol=1e-4)


def test_a_token_is_a_place_and_means_the_same_in_all():
    tokenizer = PatchTokenizer(PatchConfig(8, 5, WIDTHS))
    patch = torch.rand(3, 16, 16)
    dark = torch.zeros(2, 3, 128, 128)
    dark[0, :, 16:32, 48:64] = patch
    dark[1, :, 112:, :16] = patch
    latents = tokenizer.analyse(dark)
    assert latents.shape == (2, 64, 5)
    torch.testing.assert_close(latents[0, 8 + 3], latents[1, 56])
    assert latents[0, 8 + 3].any()
    latents[0, 8 + 3] = latents[1, 56] = 0
    assert not latents.any()


def test_it_reads_in_full_precision_whatever_is_around():
    tokenizer, rgb = PatchTokenizer(PatchConfig(4, 9, WIDTHS)), torch.rand(1, 3, 128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        told = tokenizer.analyse(rgb)
    assert torch.equal(told, tokenizer.analyse(rgb))
