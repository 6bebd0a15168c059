"""Stage `base` of the networks: it ends with a codebook, whenever its quantizer was to begin."""

from stc.lab.training.stages import Sources, train
from tests.lab.tiny import TINY, tiny


def test_a_base_that_would_begin_without_a_codebook_ends_with_one(array, tmp_path):
    system = train(tiny(base={**TINY["base"], "free": 100}), Sources(array), tmp_path, only="base")
    codebook = system.quantizer.codebooks[0, 0]
    assert codebook.shape == (8, 4)
    assert len(codebook.unique(dim=0)) > 1
