from __future__ import annotations

import torch

from stc.lab.eye.pruning import pruned
from tests.lab.eye import small


def test_the_function_stays_and_dead_channels_go() -> None:
    network = small.network((8,), (1.0,)).round(False)
    block = network.blocks[0]
    for unit in (block.expand, block.spatial):
        unit.weight.data[1::2] = 1e-38
        unit.bias.data[1::2] = 0
    less = pruned(network)
    assert [wide for wide, *_ in less.shape["blocks"]] == [8, 8, 16, 16]
    rgb = small.faces(2).permute(0, 3, 1, 2) / 127.5 - 1
    assert torch.allclose(less(rgb), network(rgb), atol=1e-6)
    for parameter in less.parameters():
        assert not ((parameter != 0) & (parameter.abs() < 1e-10)).any()
