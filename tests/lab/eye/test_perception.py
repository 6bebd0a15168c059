from __future__ import annotations

import torch

from stc.lab.eye.perception import non_negative, weigh
from tests.lab.eye import small


def test_distance_is_the_weighted_difference_of_unit_vectors() -> None:
    network, perception = small.network(), small.perception()
    maps = network.look(small.faces(2).permute(0, 3, 1, 2) / 127.5 - 1)[1]
    a, b = ([m[i : i + 1] for m in maps] for i in (0, 1))
    wanted = torch.zeros(1)
    for tap, weight in zip(perception.taps, perception.weights, strict=True):
        units = [m[tap] / m[tap].square().sum(1, keepdim=True).sqrt() for m in (a, b)]
        wanted += ((units[0] - units[1]).square() * weight[:, None, None]).sum(1).mean((1, 2))
    assert torch.allclose(perception(a, b), wanted, atol=1e-5)


def test_weights_are_not_negative_and_foretell() -> None:
    x = torch.rand(200, 12, generator=torch.Generator().manual_seed(2)).double()
    wanted = torch.linspace(-0.2, 1, 12).double().clamp_min(0)
    found = non_negative(x, x @ wanted, ridge=1e-6)
    assert torch.allclose(found, wanted, atol=1e-2)


def test_each_map_has_as_many_channels_as_it_may() -> None:
    x = torch.rand(50, 12, generator=torch.Generator().manual_seed(3))
    perception = weigh(x, x.sum(1), {0: (8, 8), 2: (4, 2)})
    assert [int((w > 0).sum()) for w in perception.weights] == [8, 2]
