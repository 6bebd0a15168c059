"""What every base tokenizer keeps to, with every arrangement of codebooks on it."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.tokenizers import (
    BaseTokenizer,
    GridConfig,
    GridTokenizer,
    PatchConfig,
    PatchTokenizer,
    SequenceConfig,
    SequenceTokenizer,
)
from stc.lab.tokenizers.levels import FirstLevel
from stc.lab.tokenizers.quantizer import KINDS, Arrangement, SwitchableQuantizer
from stc.lab.tokenizers.sequence import Size

SMALL = {
    "grid": lambda: GridTokenizer(GridConfig(32, 8, 5, channels=8)),
    "sequence": lambda: SequenceTokenizer(SequenceConfig(32, 8, 7, 5, Size(64, 1), Size(128, 2))),
    "patches": lambda: _patches(),
    "levels": lambda: FirstLevel(_levels()),
}


def _patches():
    tokenizer = PatchTokenizer(PatchConfig(4, 5, (8, 8, 8, 8)))
    for parameter in tokenizer.parameters():  # new, its last layer is zero and hides the others
        torch.nn.init.normal_(parameter, std=0.1)
    return tokenizer


def _levels():
    tokenizer = LevelTokenizer(20, 1, [(15, 5, 4, 3), (20, 2, 4, 3)])
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(6144, 20)).Q)
    tokenizer.levels[0].analysis.copy_(torch.eye(15))
    tokenizer.levels[0].synthesis.copy_(torch.eye(15))
    return tokenizer


@pytest.fixture(params=SMALL)
def tokenizer(request):
    torch.manual_seed(0)
    return SMALL[request.param]()


def test_keeps_to_the_protocol(tokenizer):
    assert isinstance(tokenizer, BaseTokenizer)
    rgb = torch.rand(3, 3, tokenizer.size, tokenizer.size)
    latents = tokenizer.analyse(rgb)
    assert latents.shape == (3, tokenizer.tokens, tokenizer.dimensions)
    assert tokenizer.synthesise(latents).shape == rgb.shape
    torch.testing.assert_close(tokenizer.analyse(rgb[1:2]), latents[1:2], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_takes_every_arrangement(tokenizer, kind):
    arrangement = Arrangement(kind, 4, 3 if kind.startswith("switchable") else 1)
    quantizer = SwitchableQuantizer(arrangement, tokenizer.tokens, tokenizer.dimensions)
    rgb = torch.rand(2, 3, tokenizer.size, tokenizer.size)
    codewords, groups, indices = quantizer(tokenizer.analyse(rgb))
    tokenizer.synthesise(codewords).square().mean().backward()
    trained = [*quantizer.parameters(), *tokenizer.parameters()]
    assert all(p.grad.isfinite().all() and p.grad.any() for p in trained)
    torch.testing.assert_close(quantizer.decode(groups, indices), codewords)


@pytest.mark.parametrize(
    ("make", "tokens", "most"),
    [
        (GridTokenizer, 64, 0.28e9),
        (lambda: GridTokenizer(GridConfig(downsampling=8)), 256, 0.19e9),
        (SequenceTokenizer, 64, 0.54e9),
    ],
)
def test_the_default_sizes_train_on_a_laptop(make, tokens, most):
    with torch.device("meta"):
        tokenizer = make()
        face = torch.empty(1, 3, 128, 128)
        with FlopCounterMode(display=False) as counter:
            tokenizer.synthesise(tokenizer.analyse(face))
    assert tokenizer.tokens == tokens
    assert counter.get_total_flops() / 2 <= most
