"""The layers that the decoder and the upscaler are made of, in numpy.

Pictures are [H, W, C] here: the channels of a pixel lie together, as the outputs of a kernel do in
the model file, so that every layer is one matrix product from the right.
"""

from __future__ import annotations

import numpy as np

from stc.codec.layers import Shapes, network_arrays
from stc.codec.matrix import Floats
from stc.codec.model_file import ModelFile


class Network:
    """The layers of a model's network by name.

    Each layer's weights are floats [inputs, outputs] or, for 3x3 convolutions, [9 inputs, outputs].
    names: of its arrays, all with the same first word, and their shapes.
    Raises WrongModelError for a layer that is damaged, missing or of another type or shape.
    """

    def __init__(self, model: ModelFile, names: Shapes) -> None:
        arrays = dict(zip(names, network_arrays(model, names), strict=True))
        self.arrays: dict[str, Floats] = {}
        for name, array in arrays.items():
            if name.endswith(".scale"):
                continue
            if array.dtype == np.int8:  # [inputs, ...] in front of the outputs
                if array.ndim == 4:  # [inputs, 3, 3, outputs]: all inputs of one place together
                    array = np.moveaxis(array, 0, 2)
                scale = arrays[f"{name}.scale"].astype(np.float32)
                array = array.reshape(-1, array.shape[-1]) * scale
            self.arrays[name.partition(".")[2]] = array.astype(np.float32)

    def linear(self, name: str, x: Floats) -> Floats:
        """A layer of every place on its own: x [..., inputs] -> [..., outputs]."""
        flat = x.reshape(-1, x.shape[-1]) @ self.arrays[f"{name}.weight"]
        flat += self.arrays[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def conv(self, name: str, x: Floats, stride: int = 1) -> Floats:
        """A 3x3 convolution; beyond the edges is zero."""
        height, width, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        shifted = [
            padded[i : i + height : stride, j : j + width : stride]
            for i in range(3)
            for j in range(3)
        ]
        return self.linear(name, join(*shifted))

    def modulated(self, name: str, x: Floats, condition: Floats) -> Floats:
        """Residual block of two convolutions, scaled and shifted by the spent share."""
        scale, shift = np.split(self.linear(f"{name}.condition", condition), 2)
        inner = silu(self.conv(f"{name}.first", x) * (1 + scale) + shift)
        return x + self.conv(f"{name}.second", inner)

    def normalised(self, name: str, x: Floats) -> Floats:
        """Layer normalisation over the channels."""
        centred = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        unit: Floats = centred / np.sqrt(variance + np.float32(1e-5))
        return unit * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]


def join(*pictures: Floats) -> Floats:
    """Pictures of the same size -> one with the channels of all."""
    return np.concatenate(pictures, -1)


def silu(x: Floats) -> Floats:
    activated: Floats = x / (1 + np.exp(-x))
    return activated


def unshuffle(x: Floats, r: int) -> Floats:
    """[H r, W r, C] -> [H, W, C r r]: squares of r x r pixels become channels."""
    height, width, channels = x.shape
    split = x.reshape(height // r, r, width // r, r, channels)
    return split.transpose(0, 2, 4, 1, 3).reshape(height // r, width // r, -1)


def shuffle(x: Floats) -> Floats:
    """[H, W, 4 C] -> [2 H, 2 W, C]: the inverse of `unshuffle` for squares of 2 x 2."""
    height, width, channels = x.shape
    split = x.reshape(height, width, channels // 4, 2, 2)
    return split.transpose(0, 3, 1, 4, 2).reshape(2 * height, 2 * width, -1)
