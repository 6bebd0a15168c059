"""Writes the eye as one ONNX graph: the distance of a canvas to a source, and its gradient.

inputs    canvas      uint8 [B, 128, 128, 3]
          embedding   [B, E]  `own_embedding` of the source; or zeros
          features    [B, F]  `own_features` of the source; or zeros
          perception  [1]     weight of the perceptual distance
outputs   loss        [B]     1 - cosine + perception * distance
          gradient    [B, 6144]  of the loss by the planes of conformance/model-file.md; the detail
                              that the decoder adds to the linear picture is a constant
          own_embedding [B, E], own_features [B, F]
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from onnx import ModelProto, TensorProto

from stc.canvas import CANVAS
from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.torch.canvas import to_rgb
from stc.lab.eye.network import SCALE, SIDE, EyeNetwork
from stc.lab.eye.perception import EPSILON, Perception
from stc.lab.eye.tape import Tape
from stc.recognition.base import CROP

Array = npt.NDArray[np.float32]


def build(network: EyeNetwork, perception: Perception) -> ModelProto:
    """The ONNX model of a network and its perceptual distance."""
    tape = Tape()
    x = _enter(tape)
    tape.want(x)
    maps, heads = _look(tape, x, network)
    cosine = _cosine(tape, heads, network)
    distance, feature_count = _perceive(tape, maps, network.sides(), perception)
    far = tape.op("Sub", tape.constant(np.ones(1)), cosine)
    tape.output(tape.op("Add", far, tape.op("Mul", distance, "perception")), "loss")
    tape.output(_leave(tape, tape.backward(x)), "gradient")
    sizes = {"embedding": sum(network.shape["heads"]), "features": feature_count}
    return tape.model(
        "stc_eye",
        [
            ("canvas", TensorProto.UINT8, ["B", CANVAS, CANVAS, 3]),
            *((name, TensorProto.FLOAT, ["B", size]) for name, size in sizes.items()),
            ("perception", TensorProto.FLOAT, [1]),
        ],
        [
            ("loss", ["B"]),
            ("gradient", ["B", PLANES]),
            *((f"own_{name}", ["B", size]) for name, size in sizes.items()),
        ],
    )


def _enter(tape: Tape) -> str:
    """Add the nodes of `network.crop`: the canvas -> the network's input [B, 3, 112, 112]."""
    bounds = [tape.constant(np.array([v, v])) for v in (CROP.start, CROP.stop)]
    x = tape.op("Slice", "canvas", *bounds, tape.constant(np.array([1, 2])))
    x = tape.op("Cast", tape.op("Transpose", x, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    sizes = tape.constant(np.array([SIDE, SIDE]))
    x = tape.op("Resize", x, "", "", sizes, mode="linear", axes=[2, 3])
    tape.shaped(x, 3, SIDE, SIDE)
    return _mixed(tape, x, np.eye(3)[::-1, :, None, None] * SCALE * 2 / 255, -SCALE)


def _look(tape: Tape, x: str, network: EyeNetwork) -> tuple[list[str], list[tuple[str, float]]]:
    """Add the network; returns its maps, and the heads' embeddings [B, E, 1, 1] with shares."""
    side, (first, *sides) = SIDE, network.sides()
    maps = [tape.unit(tape.unit(x, network.stem, side), network.first, first)]
    side = first
    for block, after in zip(network.blocks, sides, strict=False):
        y = tape.unit(tape.unit(maps[-1], block.expand, side), block.spatial, side)
        y = tape.unit(y, block.project, after)
        maps.append(tape.add(maps[-1], y) if block.residual else y)
        side = after
    maps.append(tape.unit(maps[-1], network.last, side))
    heads = []
    for head, share in zip(network.heads, network.shares, strict=True):
        pooled = tape.unit(maps[-1], head.pool, side)
        heads.append((tape.unit(pooled, head.embed, 1), share))
    return maps, heads


def _cosine(tape: Tape, heads: list[tuple[str, float]], network: EyeNetwork) -> str:
    """Add the cosine [B] with the source, and the gradients of 1 - cosine to the heads."""
    axis, flat = tape.constant(np.array([1])), tape.constant(np.array([0, -1]))
    places = tape.constant(np.array([2, 3]))
    units: list[str] = []
    norms = []
    for embedding, share in heads:
        values = tape.op("Reshape", embedding, flat)
        length = tape.op("ReduceL2", values, axis, keepdims=1)
        norms.append(tape.op("Mul", length, tape.constant(np.array([share**-0.5]))))
        units.append(tape.op("Div", values, norms[-1]))
    own = units[0] if len(units) == 1 else tape.op("Concat", *units, axis=1)
    tape.output(own, "own_embedding")
    start, cosines = 0, []
    for (embedding, share), size, unit, norm in zip(
        heads, network.shape["heads"], units, norms, strict=True
    ):
        source = _part(tape, "embedding", start, size)
        start += size
        cosine = tape.op("ReduceSum", tape.op("Mul", unit, source), axis, keepdims=1)
        cosines.append(cosine)
        along = tape.op("Mul", unit, tape.op("Mul", cosine, tape.constant(np.array([1 / share]))))
        gradient = tape.op("Div", tape.op("Sub", along, source), norm)
        tape.give(embedding, tape.op("Unsqueeze", gradient, places))
    total = cosines[0] if len(cosines) == 1 else tape.op("Add", *cosines)
    return tape.op("Squeeze", total, axis)


def _perceive(
    tape: Tape, maps: list[str], sides: list[int], perception: Perception
) -> tuple[str, int]:
    """Add the perceptual distance [B], and its gradients to the maps.

    Returns the distance and the number of features.
    """
    axes, flat = tape.constant(np.array([1, 2, 3])), tape.constant(np.array([0, -1]))
    features, distances, start = [], [], 0
    for tap, matrix in perception.heads():
        kept, channels = matrix.shape
        side, x = sides[tap], maps[tap]
        heads = (matrix / side).numpy()[:, :, None, None]
        power = _mixed(tape, tape.op("Mul", x, x), np.ones((kept, channels, 1, 1)), EPSILON)
        length = tape.op("Sqrt", power)
        own = tape.op("Div", _mixed(tape, x, heads), length)
        features.append(tape.op("Reshape", own, flat))
        source = _part(tape, "features", start, kept * side * side)
        start += kept * side**2
        source = tape.op("Reshape", source, tape.constant(np.array([0, kept, side, side])))
        difference = tape.op("Sub", own, source)
        square = tape.op("Mul", difference, difference)
        distances.append(tape.op("ReduceSum", square, axes, keepdims=0))
        twice = tape.op("Mul", "perception", tape.constant(np.array([2.0])))
        slope = tape.op("Mul", difference, twice)
        # With r = 1 / length: features are r W x, the gradient r W' slope - x r^2 (slope . own).
        direct = _mixed(tape, tape.op("Div", slope, length), heads.transpose(1, 0, 2, 3))
        radial = tape.op("Div", tape.op("Mul", slope, own), power)
        radial = _mixed(tape, radial, np.ones((channels, kept, 1, 1)))
        tape.give(x, tape.op("Sub", direct, tape.op("Mul", x, radial)))
    tape.output(
        features[0] if len(features) == 1 else tape.op("Concat", *features, axis=1), "own_features"
    )
    total = distances[0]
    for distance in distances[1:]:
        total = tape.op("Add", total, distance)
    return total, start


def _part(tape: Tape, value: str, start: int, size: int) -> str:
    """`size` columns of an input, from column `start`."""
    bounds = [tape.constant(np.array([v])) for v in (start, start + size, 1)]
    return tape.op("Slice", value, *bounds)


def _mixed(tape: Tape, x: str, matrix: npt.NDArray[Any], offset: float = 0) -> str:
    """A 1x1 convolution with a matrix [O, I, 1, 1] and a constant offset."""
    inputs = [x, tape.constant(matrix.astype(np.float32))]
    if offset:
        inputs.append(tape.constant(np.full(len(matrix), offset)))
    return tape.op("Conv", *inputs, kernel_shape=[1, 1])


def _leave(tape: Tape, gradient: str) -> str:
    """Convert the gradient with respect to the network's input to that of the planes.

    It is the transpose of the linear picture and the crop.
    """
    flat = tape.constant(np.array([0, -1]))
    by_colour = _colours().T[:, ::-1, None, None] * (2 * SCALE)  # RGB in the order of BGR
    y = _mixed(tape, gradient, by_colour)
    parts = []
    for mode, side, first, last in (("bicubic", LUMA, 0, 1), ("bilinear", CHROMA, 1, 3)):
        rows = _cropping() @ _enlarging(side, mode)
        part = _part(tape, y, first, last - first)
        part = tape.op(
            "MatMul", tape.constant(rows.T), tape.op("MatMul", part, tape.constant(rows))
        )
        parts.append(tape.op("Reshape", part, flat))
    return tape.op("Concat", *parts, axis=1)


def _enlarging(side: int, mode: str) -> Array:
    """The matrix [128, side] that enlarges a row of a plane to the linear picture."""
    rows = F.interpolate(torch.eye(side)[None, None], size=(CANVAS, side), mode=mode)
    return np.asarray(rows[0, 0].numpy())


def _cropping() -> Array:
    """The matrix [112, 128] that crops and resamples a row of the canvas."""
    size = (SIDE, CANVAS)
    rows = F.interpolate(torch.eye(CANVAS)[None, None, CROP], size=size, mode="bilinear")
    return np.asarray(rows[0, 0].numpy())


def _colours() -> Array:
    """The matrix [3, 3] from luma, Cb, Cr to red, green, blue, as in `to_rgb`."""
    sizes = torch.tensor([LUMA**2, CHROMA**2, CHROMA**2])
    planes = torch.eye(3).repeat_interleave(sizes, 1)
    return np.asarray(to_rgb(planes)[:, :, 0, 0].T.contiguous().numpy())
