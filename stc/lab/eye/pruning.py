"""A network without its dead channels: the same function, a third of the size.

Weight decay has left many channels of a trained MobileFaceNet with weights that are no more than
subnormal numbers: they add nothing, and a processor is slow with them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.lab.eye.network import EyeNetwork, Unit

DEAD = 1e-6  # weights and biases below this
ZERO = 1e-10  # weights below this become 0 in channels that live
GRAIN = 8  # channels that a processor computes together: there are always a multiple of it


def pruned(network: EyeNetwork) -> EyeNetwork:
    """A network [canvas -> embedding] with the channels that live, `network` as it was."""
    keeps = [_alive(network.stem, network.first)]
    keeps += [_alive(block.expand, block.spatial) for block in network.blocks]
    shape = dict(network.shape)
    shape["stem"] = len(keeps[0])
    shape["blocks"] = [
        (len(keep), *rest)
        for keep, (_, *rest) in zip(keeps[1:], network.shape["blocks"], strict=True)
    ]
    small = EyeNetwork(**shape)
    for new, old in zip(small.units(), network.units(), strict=True):
        _copy(new, old, None, None)
    _copy(small.stem, network.stem, keeps[0], None)
    _copy(small.first, network.first, keeps[0], None)
    ins: Tensor | None = keeps[0]
    for block, whole, keep in zip(small.blocks, network.blocks, keeps[1:], strict=True):
        _copy(block.expand, whole.expand, keep, ins)
        _copy(block.spatial, whole.spatial, keep, None)
        _copy(block.project, whole.project, None, keep)
        ins = None
    return small


def _alive(wide: Unit, spatial: Unit) -> Tensor:
    """The channels between two convolutions, the second depthwise, that must stay, ascending."""
    dead = _largest(wide.weight) < DEAD
    dead &= wide.bias.abs() < DEAD
    dead = (dead | (_largest(spatial.weight) < DEAD)) & (spatial.bias.abs() < DEAD)
    alive = int((~dead).sum())
    filled = -(-max(alive, 1) // GRAIN) * GRAIN
    return dead.float().argsort(stable=True)[:filled].sort().values


def _largest(weight: Tensor) -> Tensor:
    return weight.detach().flatten(1).abs().amax(1)


def _copy(new: Unit, old: Unit, outs: Tensor | None, ins: Tensor | None) -> None:
    """The weights of old, of some outputs and inputs if these are given."""
    weight = old.weight.detach()
    weight = weight if outs is None else weight[outs]
    weight = weight if ins is None else weight[:, ins]
    new.weight = _parameter(weight)
    new.bias = _parameter(old.bias if outs is None else old.bias[outs])
    if old.slope is not None:
        new.slope = _parameter(old.slope if outs is None else old.slope[outs])


def _parameter(values: Tensor) -> nn.Parameter:
    values = values.detach()
    return nn.Parameter(torch.where(values.abs() < ZERO, 0, values).clone())
