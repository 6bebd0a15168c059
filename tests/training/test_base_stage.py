"""Stage `base`: with a codebook from the first, or noise in its place for a while."""

import torch

from stc.training.base_stage import Autoencoder
from stc.training.stages import Sources, train
from stc.training.system import System
from tests.training.conftest import TINY, tiny


def test_noise_stands_in_for_the_error_of_a_codebook():
    torch.manual_seed(0)
    system, rgb = System(tiny()), torch.rand(2, 3, 128, 128)
    drawn = {
        noise: Autoencoder(system, None, noise)(rgb, free=True)[:2] for noise in (0.0, 0.2, 2.0)
    }
    assert all(torch.equal(latents, drawn[0.0][1]) for _, latents in drawn.values())
    weak, strong = ((drawn[n][0] - drawn[0.0][0]).abs().mean() for n in (0.2, 2.0))
    assert 0 < weak < strong


def test_a_base_that_never_saw_a_codebook_ends_with_one(array, tmp_path):
    base = {**TINY["base"], "free": 100, "noise": 0.5}
    system = train(tiny(base=base), Sources(array), tmp_path, only="base")
    codebook = system.quantizer.codebooks[0, 0]
    assert codebook.shape == (8, 4)
    assert len(codebook.unique(dim=0)) > 1
