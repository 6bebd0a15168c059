"""Removes the dead channels of a network: the function is the same, the size a third.

Weight decay has reduced the weights of many channels of a trained MobileFaceNet to subnormal
numbers, which have no effect and are slow to compute with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.lab.eye.network import EyeNetwork, Unit

DEAD = 1e-6  # a channel is dead if its weights and biases are below this
ZERO = 1e-10  # weights below this become 0 in all other channels
GRAIN = 8  # the number of kept channels is a multiple of this, for vector instructions


def pruned(network: EyeNetwork) -> EyeNetwork:
    """A copy of a network without dead channels."""
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
    """The indices, ascending, of the channels to keep between `wide` and a depthwise convolution.

    Dead channels fill them up to a multiple of GRAIN.
    """
    dead = _largest(wide.weight) < DEAD
    dead &= wide.bias.abs() < DEAD
    dead = (dead | (_largest(spatial.weight) < DEAD)) & (spatial.bias.abs() < DEAD)
    alive = int((~dead).sum())
    filled = -(-max(alive, 1) // GRAIN) * GRAIN
    return dead.float().argsort(stable=True)[:filled].sort().values


def _largest(weight: Tensor) -> Tensor:
    return weight.detach().flatten(1).abs().amax(1)


def _copy(new: Unit, old: Unit, outs: Tensor | None, ins: Tensor | None) -> None:
    """Copy the weights of `old` to `new`; outs, ins: the channels to copy, None for all."""
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
