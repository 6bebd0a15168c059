"""The eye as a torch module: a MobileFaceNet (Chen et al. 2018, arXiv:1804.07573) with heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.recognition.base import CROP

SIDE = 112  # pixels of the crop that is the network's input
SCALE = 127.5 / 128  # the input is BGR in [-SCALE, SCALE]


def codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantize a weight [O, ...] -> int8 codes of its shape, and float16 scales [O, 1, ...]."""
    top = weight.detach().flatten(1).abs().amax(1) / 127
    scale = top.clamp_min(1e-7).half().reshape(-1, *[1] * (weight.ndim - 1))
    return (weight.detach() / scale.float()).round().clamp(-127, 127).to(torch.int8), scale


def rounded(weight: Tensor) -> Tensor:
    """A weight rounded to 8 bits, with a straight-through gradient."""
    steps, scale = codes(weight)
    return weight + (steps.float() * scale.float() - weight).detach()


class Unit(nn.Module):
    """A convolution and an optional PReLU; if `rounding`, its weight is rounded to 8 bits.

    slope: whether there is a PReLU.
    """

    def __init__(
        self, ins: int, outs: int, size: int = 1, *, stride: int = 1, group: int = 1, slope: bool
    ) -> None:
        super().__init__()
        self.stride, self.group = stride, group
        self.pad = 1 if size == 3 else 0
        self.weight = nn.Parameter(torch.zeros(outs, ins // group, size, size))
        self.bias = nn.Parameter(torch.zeros(outs))
        self.slope = nn.Parameter(torch.full((outs,), 0.25)) if slope else None
        self.rounding = False

    def forward(self, x: Tensor) -> Tensor:
        weight = rounded(self.weight) if self.rounding else self.weight
        x = F.conv2d(x, weight, self.bias, self.stride, self.pad, 1, self.group)
        return x if self.slope is None else F.prelu(x, self.slope)


class Bottleneck(nn.Module):
    """Expansion to `wide` channels, a depthwise 3x3 convolution, and projection to `outs` channels.

    residual: whether the input is added.
    """

    def __init__(self, ins: int, wide: int, outs: int, stride: int, residual: bool) -> None:
        super().__init__()
        self.expand = Unit(ins, wide, slope=True)
        self.spatial = Unit(wide, wide, 3, stride=stride, group=wide, slope=True)
        self.project = Unit(wide, outs, slope=False)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.spatial(self.expand(x)))
        return x + y if self.residual else y


class Head(nn.Module):
    """Maps the last feature map [B, C, 7, 7] to an embedding [B, E], not normalised."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.pool = Unit(channels, channels, 7, group=channels, slope=False)
        self.embed = Unit(channels, size, slope=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(self.pool(x)).flatten(1)  # type: ignore[no-any-return]


class EyeNetwork(nn.Module):
    """The eye: canvases -> embeddings, and feature maps for the perceptual distance.

    stem: channels of the first map. blocks: (wide, outs, stride, residual) of every bottleneck.
    last: channels of the last map. heads: the size of each head's embedding. shares: the weights
    of the heads' cosines in the cosine of two embeddings; they sum to 1.
    """

    def __init__(
        self,
        stem: int,
        blocks: list[tuple[int, int, int, bool]],
        last: int,
        heads: tuple[int, ...],
        shares: tuple[float, ...] = (1.0,),
    ) -> None:
        super().__init__()
        self.shape: dict[str, Any] = {
            "stem": stem, "blocks": blocks, "last": last, "heads": heads, "shares": shares,
        }  # fmt: skip
        self.stem = Unit(3, stem, 3, stride=2, slope=True)
        self.first = Unit(stem, stem, 3, group=stem, slope=True)
        ins, rows = stem, []
        for wide, outs, stride, residual in blocks:
            rows.append(Bottleneck(ins, wide, outs, stride, residual))
            ins = outs
        self.blocks: list[Bottleneck] = nn.ModuleList(rows)  # type: ignore[assignment]
        self.last = Unit(ins, last, slope=True)
        all_heads = nn.ModuleList(Head(last, size) for size in heads)
        self.heads: list[Head] = all_heads  # type: ignore[assignment]
        self.shares = shares

    def forward(self, rgb: Tensor) -> Tensor:
        """RGB in [-1, 1] [B, 3, 128, 128] -> unit vectors [B, E]."""
        return self.look(rgb)[0]

    def look(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """RGB in [-1, 1] [B, 3, 128, 128] -> unit vectors [B, E], and all `maps`."""
        maps = self.maps(crop(rgb))
        parts = [
            F.normalize(head(maps[-1])) * share**0.5
            for head, share in zip(self.heads, self.shares, strict=True)
        ]
        return torch.cat(parts, 1), maps

    def maps(self, x: Tensor) -> list[Tensor]:
        """The maps of the stem, of every bottleneck, and the last one; x: the output of `crop`."""
        maps = [self.first(self.stem(x))]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return [*maps, self.last(maps[-1])]

    def sides(self) -> list[int]:
        """The height and width of the maps."""
        sides = [SIDE // 2]
        for _, _, stride, _ in self.shape["blocks"]:
            sides.append(sides[-1] // stride)
        return [*sides, sides[-1]]

    def channels(self) -> list[int]:
        """The channels of the maps."""
        return [self.shape["stem"], *(b[1] for b in self.shape["blocks"]), self.shape["last"]]

    def round(self, rounding: bool = True) -> EyeNetwork:
        """Switch the rounding of all weights to 8 bits on or off; returns the network."""
        for unit in self.units():
            unit.rounding = rounding
        return self

    def units(self) -> list[Unit]:
        """All convolutions, in the order of execution."""
        return [module for module in self.modules() if isinstance(module, Unit)]


def crop(rgb: Tensor) -> Tensor:
    """RGB in [-1, 1] [B, 3, 128, 128] -> the network's input BGR [B, 3, 112, 112]."""
    x = F.interpolate(rgb[:, :, CROP, CROP], size=SIDE, mode="bilinear", align_corners=False)
    return x.flip(1) * SCALE


def load_onnx(path: Path) -> EyeNetwork:
    """Load a MobileFaceNet from an ONNX file of convolutions and PReLUs."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {a.name: torch.tensor(numpy_helper.to_array(a).copy()) for a in graph.initializer}
    units = [node for node in graph.node if node.op_type == "Conv"]
    slopes = [arrays[node.input[1]] for node in graph.node if node.op_type == "PRelu"]
    weights = [arrays[node.input[1]] for node in units]
    strides = [next(a.ints[0] for a in node.attribute if a.name == "strides") for node in units]
    pairs = zip(graph.node, graph.node[1:], strict=False)
    added = {node.output[0] for node, after in pairs if after.op_type == "Add"}
    blocks = [
        (len(weights[i]), len(weights[i + 2]), strides[i + 1],
         units[i + 2].output[0] in added)
        for i in range(2, len(units) - 3, 3)
    ]  # fmt: skip
    network = EyeNetwork(len(weights[0]), blocks, len(weights[-3]), (len(weights[-1]),))
    for unit, node, weight in zip(network.units(), units, weights, strict=True):
        unit.weight.data, unit.bias.data = weight, arrays[node.input[2]]
        if unit.slope is not None:
            unit.slope.data = slopes.pop(0).flatten()
    return network


def save(network: EyeNetwork, path: Path, **more: Any) -> None:
    """Write a network, and additional values by name, to a file for `load`."""
    torch.save({"shape": network.shape, "state": network.state_dict(), **more}, path)


def load(path: Path) -> tuple[EyeNetwork, dict[str, Any]]:
    """Read the network and the additional values that `save` has written."""
    stored = torch.load(path, weights_only=True)
    network = EyeNetwork(**stored.pop("shape"))
    network.load_state_dict(stored.pop("state"))
    return network, stored
