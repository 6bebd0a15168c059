"""The convolutional tokenizer."""

from dataclasses import replace

import pytest
import torch

from stc.lab.tokenizers import GridConfig, GridTokenizer


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def maskgit_generator(layers=24, width=768, hidden=3072, tokens=257, words=2025):
    """Parameters of MaskGIT's transformer: words are 1024 codewords, 1000 classes and a mask."""
    layer = 4 * (width * width + width) + 2 * width * hidden + hidden + width + 4 * width
    embedding = (words + tokens + 2) * width
    return layers * layer + embedding + width * width + 3 * width + words


def test_published_size_has_the_parameters_that_are_stated():
    with torch.device("meta"):
        tokenizer = GridTokenizer(GridConfig.published())
    assert (tokenizer.tokens, tokenizer.dimensions, tokenizer.size) == (256, 256, 256)
    codebook = 1024 * 256
    assert round((count(tokenizer) + codebook + maskgit_generator()) / 1e6) == 227


@pytest.mark.parametrize("size", [32, pytest.param(256, marks=pytest.mark.gate)])
def test_published_size_learns(size):
    """The layers are the same for small pictures, which are quick."""
    tokenizer = GridTokenizer(replace(GridConfig.published(), size=size))
    assert round(count(tokenizer) / 1e6, 1) == 54.2
    rgb = torch.rand(1, 3, size, size)
    tokenizer.synthesise(tokenizer.analyse(rgb)).square().mean().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in tokenizer.parameters())


def test_tokens_are_cells_in_the_order_of_reading():
    torch.manual_seed(0)
    tokenizer = GridTokenizer(GridConfig(256, 16, 4, channels=4, blocks=1))
    torch.nn.init.ones_(tokenizer.decoder[0].weight)
    latents = torch.zeros(1, 256, 4)
    dark = tokenizer.synthesise(latents)
    latents[0, 3 * 16 + 12] = 1
    changed = (tokenizer.synthesise(latents) - dark).abs().sum(1)[0]
    row, column = divmod(int(changed.argmax()), 256)
    assert abs(row - (3 * 16 + 8)) < 24
    assert abs(column - (12 * 16 + 8)) < 24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"downsampling": 12}, "times a power of two, not 12"),
        ({"downsampling": 2}, "times a power of two, not 2"),
        ({"size": 100}, "size 100 is not a multiple of 16"),
        ({"multipliers": (1, 2)}, "3 resolutions need 3 multipliers, not 2"),
        ({"channels": 30}, "multiple of 4, not 30"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(GridConfig(), **change)
