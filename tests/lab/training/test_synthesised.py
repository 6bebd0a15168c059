"""Tokens by synthesis in training: never worse by the recogniser, and mostly better."""

import pytest
import torch

from stc.codec.torch.decoder import Decoder
from stc.lab.training.synthesised import synthesised
from tests.lab.training.small import small_tokenizer
from tests.stand_ins import FlatRecogniser


@pytest.fixture
def batch():
    """Tokenizer, decoder, and eight faces: components, groups, indices, counts."""
    torch.manual_seed(0)
    tokenizer, decoder = small_tokenizer(groups=2), Decoder((8, 8, 8, 8)).eval()
    components = torch.randn(8, 16)
    groups, indices = tokenizer.encode(components)
    counts = torch.tensor([1, 2, 3, 4, 5, 5, 5, 5])
    return tokenizer, decoder, components, groups, indices, counts


def losses(batch, indices, wanted):
    tokenizer, decoder, _, groups, _, counts = batch
    with torch.no_grad():
        planes = tokenizer.planes(tokenizer.dequantize(indices, groups, counts))
        drawn = decoder(planes, counts / tokenizer.tokens).clamp(0, 1)
        return 1 - (FlatRecogniser()(drawn * 2 - 1) * wanted).sum(1)


def test_faces_come_nearer_to_their_sources(batch):
    tokenizer, decoder, components, groups, indices, counts = batch
    wanted = torch.nn.functional.normalize(torch.randn(8, 48))
    given = tokenizer, decoder, FlatRecogniser(), components, groups, indices, counts, wanted
    found = synthesised(*given, rounds=4)
    before, after = losses(batch, indices, wanted), losses(batch, found, wanted)
    assert (after <= before + 1e-6).all()
    assert (after < before - 1e-4).sum() >= 4
    assert torch.equal(found[0, 1:], indices[0, 1:])  # tokens that the face does not have
    assert torch.equal(synthesised(*given, rounds=0), indices)


def test_a_recogniser_without_slope_leaves_them(batch):
    tokenizer, decoder, components, groups, indices, counts = batch
    tokenizer.refine = lambda *_, **__: indices

    def blind(rgb):
        return rgb.flatten(1)[:, :4] * torch.nan

    given = tokenizer, decoder, blind, components, groups, indices, counts, torch.ones(8, 4)
    assert torch.equal(synthesised(*given, rounds=2), indices)
