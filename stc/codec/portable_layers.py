"""The layers of the decoder and of the upscaler in numpy.

Feature maps are [H, W, C]. Kernels have the outputs as their last axis, so every layer is one
matrix product of pixels [H * W, inputs] with weights [inputs, outputs].
"""

from __future__ import annotations

import numpy as np

from stc.codec.layers import Shapes, network_arrays
from stc.codec.matrix import Floats
from stc.codec.model_file import ModelFile


class Network:
    """The layers of a network of a model, by name.

    The weights of a layer are floats [inputs, outputs] or, for 3x3 convolutions,
    [9 inputs, outputs]. names: the names of the network's arrays, which all start with the same
    word, and their shapes.
    Raises WrongModelError for a layer that is damaged, missing or of another type or shape.
    """

    def __init__(self, model: ModelFile, names: Shapes) -> None:
        arrays = dict(zip(names, network_arrays(model, names), strict=True))
        self.arrays: dict[str, Floats] = {}
        for name, array in arrays.items():
            if name.endswith(".scale"):
                continue
            if array.dtype == np.int8:  # [inputs, outputs] or [inputs, 3, 3, outputs]
                if array.ndim == 4:  # to [3, 3, inputs, outputs], the order of `conv`
                    array = np.moveaxis(array, 0, 2)
                scale = arrays[f"{name}.scale"].astype(np.float32)
                array = array.reshape(-1, array.shape[-1]) * scale
            self.arrays[name.partition(".")[2]] = array.astype(np.float32)

    def linear(self, name: str, x: Floats) -> Floats:
        """Apply a linear layer to each pixel: x [..., inputs] -> [..., outputs]."""
        flat = x.reshape(-1, x.shape[-1]) @ self.arrays[f"{name}.weight"]
        flat += self.arrays[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def conv(self, name: str, x: Floats, stride: int = 1) -> Floats:
        """Apply a 3x3 convolution with zero padding: x [H, W, inputs] -> [H', W', outputs].

        H' is H divided by the stride, rounded up, and W' likewise.
        """
        height, width, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        shifted = [
            padded[i : i + height : stride, j : j + width : stride]
            for i in range(3)
            for j in range(3)
        ]
        return self.linear(name, join(*shifted))

    def modulated(self, name: str, x: Floats, condition: Floats) -> Floats:
        """Apply a residual block of two convolutions, modulated by the condition [C] (FiLM).

        The condition is the embedding of the spent share of tokens; it scales and shifts the
        output of the first convolution (Perez et al. 2018, arXiv 1709.07871).
        """
        scale, shift = np.split(self.linear(f"{name}.condition", condition), 2)
        inner = silu(self.conv(f"{name}.first", x) * (1 + scale) + shift)
        return x + self.conv(f"{name}.second", inner)

    def normalised(self, name: str, x: Floats) -> Floats:
        """Apply layer normalisation over the channels, the last axis."""
        centred = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        unit: Floats = centred / np.sqrt(variance + np.float32(1e-5))
        return unit * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]


def join(*pictures: Floats) -> Floats:
    """Concatenate feature maps of the same size along the channels."""
    return np.concatenate(pictures, -1)


def silu(x: Floats) -> Floats:
    """Return x * sigmoid(x), elementwise."""
    activated: Floats = x / (1 + np.exp(-x))
    return activated


def unshuffle(x: Floats, r: int) -> Floats:
    """Move squares of r x r pixels to channels: [H r, W r, C] -> [H, W, C r r]."""
    height, width, channels = x.shape
    split = x.reshape(height // r, r, width // r, r, channels)
    return split.transpose(0, 2, 4, 1, 3).reshape(height // r, width // r, -1)


def shuffle(x: Floats) -> Floats:
    """Invert `unshuffle` for squares of 2 x 2 pixels: [H, W, 4 C] -> [2 H, 2 W, C]."""
    height, width, channels = x.shape
    split = x.reshape(height, width, channels // 4, 2, 2)
    return split.transpose(0, 3, 1, 4, 2).reshape(2 * height, 2 * width, -1)
