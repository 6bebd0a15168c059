"""The eye as a torch module: the forward part of its ONNX file, differentiated by autograd.

`stc.codec.eye` describes the eye. Here a batch is computed together, so the last bits of a face's
result depend on the other faces, and two runs may choose different tokens that are equally good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.codec.eye import OUTPUTS
from stc.codec.onnx_file import Node, needed, read
from stc.errors import WrongModelError


class Eye(nn.Module):
    """The network of the eye's ONNX file.

    Raises WrongModelError if the file cannot be parsed or has unsupported operators.
    """

    def __init__(self, network: bytes) -> None:
        super().__init__()
        try:
            nodes, constants = read(network)
        except ValueError as error:
            raise WrongModelError(f"the encoder's eye cannot be read: {error}") from error
        parts = {"loss": needed(nodes, ["loss"]), "seen": needed(nodes, [*OUTPUTS])}
        if unknown := {node.kind for part in parts.values() for node in part} - _RUN.keys():
            names = ", ".join(sorted(unknown))
            raise WrongModelError(f"the encoder's eye has unsupported operators: {names}")
        # Shapes, axes and bounds are used as Python integers: they never go to the device.
        integers = {name: one for name, one in constants.items() if one.dtype == np.int64}
        self._integers = {name: one.tolist() for name, one in integers.items()}
        known = {n: torch.from_numpy(v) for n, v in constants.items() if n not in integers}
        self._nodes = {name: self._folded(part, known) for name, part in parts.items()}
        used = {name for part in self._nodes.values() for node in part for name in node.inputs}
        self._names = {name: f"constant{i}" for i, name in enumerate(sorted(used & known.keys()))}
        for name, buffer in self._names.items():
            self.register_buffer(buffer, known[name])

    def look(self, canvases: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings [B, E] and features [B, F] of RGB [B, 128, 128, 3], 0 to 255."""
        values = self._run("seen", {"canvas": canvases})
        embedding, features = (values[name] for name in OUTPUTS)
        return embedding, features

    def forward(
        self, canvases: Tensor, embedding: Tensor, features: Tensor, perception: float
    ) -> Tensor:
        """Return the losses [B] of canvases against their sources; differentiable.

        canvases: RGB [B, 128, 128, 3], 0 to 255. embedding, features: of the sources, from `look`.
        perception: the weight of the perceptual distance beside 1 - cosine.
        """
        given = {"canvas": canvases, "embedding": embedding, "features": features}
        weight = torch.tensor([perception], dtype=torch.float32, device=canvases.device)
        return self._run("loss", {**given, "perception": weight})["loss"]

    def _folded(self, nodes: list[Node], known: dict[str, Any]) -> list[Node]:
        """Constant folding: compute nodes with constant inputs, and return the other nodes."""
        left = []
        for node in nodes:
            if all(name in known or name in self._integers for name in filter(None, node.inputs)):
                known[node.outputs[0]] = self._output(node, known)
            else:
                left.append(node)
        return left

    def _run(self, part: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
        for node in self._nodes[part]:
            values[node.outputs[0]] = self._output(node, values)
        return values

    def _output(self, node: Node, values: dict[str, Tensor]) -> Tensor:
        return _RUN[node.kind](node, *(self._value(name, values) for name in node.inputs))

    def _value(self, name: str, values: dict[str, Tensor]) -> Any:
        if not name:  # an input that is left out
            return None
        if name in values:
            return values[name]
        if name in self._integers:
            return self._integers[name]
        return getattr(self, self._names[name])


def _conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    given = node.attributes
    pads = given.get("pads", [0] * 4)
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), [0, 0]
    strides, group = given.get("strides", [1, 1]), given.get("group", 1)
    return F.conv2d(x, weight, bias, strides, pads[:2], 1, group)


def _prelu(_: Node, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _reshape(_: Node, x: Tensor, shape: list[int]) -> Tensor:
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def _resize(node: Node, x: Tensor, _: None, scales: None, sizes: list[int]) -> Tensor:
    if node.attributes != {"axes": [2, 3], "mode": "linear"} or scales is not None:
        raise WrongModelError("the encoder's eye has an unsupported form of Resize")
    return F.interpolate(x, size=sizes, mode="bilinear", align_corners=False)


def _slice(
    _: Node,
    x: Tensor,
    starts: list[int],
    ends: list[int],
    axes: list[int],
    steps: list[int] | None = None,
) -> Tensor:
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(axes), strict=True):
        if step < 0:  # the eye only uses this to reverse a whole axis
            x = x.flip(axis)
            continue
        x = x[(slice(None),) * axis + (slice(start, end, step),)]
    return x


def _cast(node: Node, x: Tensor) -> Tensor:
    if node.attributes["to"] != 1:
        raise WrongModelError("the encoder's eye casts to another type than float32")
    return x.float()


def _reduce(reduced: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(node: Node, x: Tensor, axes: list[int]) -> Tensor:
        return reduced(x, axes, bool(node.attributes.get("keepdims", 1)))

    return run


# The operators of the eye: a function of a node and its inputs, which returns the output.
_RUN: dict[str, Callable[..., Tensor]] = {
    "Add": lambda _, a, b: a + b,
    "Cast": _cast,
    "Concat": lambda node, *parts: torch.cat(parts, node.attributes["axis"]),
    "Conv": _conv,
    "Div": lambda _, a, b: a / b,
    "Identity": lambda _, x: x,
    "MatMul": lambda _, a, b: a @ b,
    "Mul": lambda _, a, b: a * b,
    "PRelu": _prelu,
    "ReduceL2": _reduce(lambda x, axes, keep: x.square().sum(axes, keep).sqrt()),
    "ReduceMean": _reduce(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceSum": _reduce(lambda x, axes, keep: x.sum(axes, keep)),
    "Relu": lambda _, x: x.relu(),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": _slice,
    "Sqrt": lambda _, x: x.sqrt(),
    "Squeeze": lambda _, x, axes: x.squeeze((*axes,)),
    "Sub": lambda _, a, b: a - b,
    "Transpose": lambda node, x: x.permute(node.attributes["perm"]),
    "Unsqueeze": lambda _, x, axes: x.unsqueeze(axes[0]),
}
