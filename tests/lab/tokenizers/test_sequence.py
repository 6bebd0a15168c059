"""The transformer tokenizer."""

from dataclasses import replace

import pytest
import torch

from stc.lab.tokenizers import GridConfig, GridTokenizer, SequenceConfig, SequenceTokenizer
from stc.lab.tokenizers.sequence import Size

SMALLEST = Size(64, 1)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def published(name):
    with torch.device("meta"):
        return SequenceTokenizer(SequenceConfig.published(name))


def two_stage_decoder(width):
    """What the two-stage files hold instead of `to_pixels` and `smooth`.

    A network from patches to the 1024 codes of MaskGIT's VQGAN, that VQGAN's codebook and its
    decoder, whose shortcuts project from the width after a block, not from that before it.
    """
    with torch.device("meta"):
        decoder = count(GridTokenizer(GridConfig.published()).decoder)
    shortcuts = (256 - 512) * 256 + (128 - 256) * 128
    network = (width + 1) * 2 * width + (2 * width + 1) * 1024
    return network + 1024 * 256 + decoder + shortcuts


@pytest.mark.parametrize(
    ("name", "millions", "digits"), [("S-128", 83.7, 1), ("B-64", 205, 0), ("L-32", 641, 0)]
)
def test_the_papers_sizes_have_the_parameters_that_are_stated(name, millions, digits):
    tokenizer = published(name)
    ours = count(tokenizer) - count(tokenizer.to_pixels) - count(tokenizer.smooth)
    codebook = 4096 * tokenizer.dimensions
    theirs = ours + codebook + two_stage_decoder(tokenizer.config.decoder.width)
    assert round(theirs / 1e6, digits) == millions


@pytest.mark.parametrize(("name", "gigabytes"), [("BL-64", 1.56), ("SL-256", 1.32)])
def test_single_stage_sizes_fill_their_published_files(name, gigabytes):
    tokenizer = published(name)
    codebook = 8192 * tokenizer.dimensions
    assert round(4 * (count(tokenizer) + codebook) / 1e9, 2) == gigabytes


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("S-128", 32),  # the layers are the same for small pictures, which are quick
        pytest.param("S-128", 256, marks=pytest.mark.gate),
        pytest.param("L-32", 256, marks=pytest.mark.gate),
        pytest.param("SL-256", 256, marks=pytest.mark.gate),
    ],
)
def test_published_sizes_learn(name, size):
    tokenizer = SequenceTokenizer(replace(SequenceConfig.published(name), size=size))
    rgb = torch.rand(1, 3, size, size)
    tokenizer.synthesise(tokenizer.analyse(rgb)).square().mean().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in tokenizer.parameters())


def test_unknown_sizes_are_refused():
    with pytest.raises(ValueError, match="no published size 'S-32': there are S-128"):
        SequenceConfig.published("S-32")
    with pytest.raises(ValueError, match="size 100 is not a multiple of the patch, 16"):
        SequenceConfig(size=100)
    with pytest.raises(ValueError, match="multiple of 64, not 100"):
        SequenceConfig(decoder=Size(100, 2))


def test_a_latent_is_a_function_of_its_own_query():
    """Not of a mixture of tokens, as in the legacy layout."""
    torch.manual_seed(0)
    tokenizer = SequenceTokenizer(SequenceConfig(32, 16, 6, 3, SMALLEST, SMALLEST))
    seen = []
    tokenizer.to_latents.register_forward_hook(lambda _, given, out: seen.append((given[0], out)))
    latents = tokenizer.analyse(torch.rand(2, 3, 32, 32))
    ((outputs, _),) = seen
    alone = torch.nn.functional.linear(
        outputs[:, 4], tokenizer.to_latents.weight, tokenizer.to_latents.bias
    )
    torch.testing.assert_close(latents[:, 4], alone)


def test_patches_come_back_where_they_were():
    """With the decoder's network taken away, patch p of `to_pixels` is drawn at patch p."""
    config = SequenceConfig(64, 16, 4, 3, SMALLEST, SMALLEST)
    tokenizer = SequenceTokenizer(config)

    def one_patch(patches, tokens):
        bright = torch.zeros_like(patches)
        bright[:, 4 * 2 + 1] = 1  # third row, second column
        return bright, tokens

    tokenizer.decoder.forward = one_patch
    with torch.no_grad():
        tokenizer.to_pixels.weight.fill_(1)
        tokenizer.smooth.weight.zero_()
        tokenizer.smooth.bias.zero_()
        for channel in range(3):
            tokenizer.smooth.weight[channel, channel, 1, 1] = 1
    drawn = tokenizer.synthesise(torch.zeros(1, 4, 3))[0] > 1
    expected = torch.zeros(3, 64, 64, dtype=torch.bool)
    expected[:, 32:48, 16:32] = True
    torch.testing.assert_close(drawn, expected)
