"""The core in numpy: what somebody who writes one more decoder reads, and what runs without one.

Pictures are [H, W, C] here: the channels of a pixel lie together, as the outputs of a kernel do in
the model file, so that every layer is one matrix product from the right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stc.canvas import CANVAS
from stc.codec.blas import one_thread
from stc.codec.layers import decoder_arrays, decoder_names, decoder_widths
from stc.codec.matrix import Floats, Matrix, check_prefix, check_rows, check_spent
from stc.codec.model_file import ModelFile
from stc.codec.planes import CHROMA, LUMA, PLANES, Canvases
from stc.codec.upsampling import bicubic, bilinear
from stc.fork_lock import cached_property

ROWS = 256  # of a matrix in 8 bits that are floats at a time: few enough to stay in the cache


class PortableCore:
    """See `stc.codec.core.Core`."""

    def __init__(self, model: ModelFile) -> None:
        self._model = model

    def project(self, x: Floats, matrix: Matrix) -> Floats:
        x = check_rows("x", x, len(matrix.values))
        total = np.zeros((len(x), matrix.values.shape[1]), np.float32)
        with one_thread():
            for own, block in _blocks(matrix, matrix.values.shape[1]):
                total += x[:, own] @ block
        total *= matrix.scale
        return total

    def expand(self, v: Floats, matrix: Matrix) -> Floats:
        v = check_prefix(v, matrix)
        scaled = v * matrix.scale[: v.shape[1]]
        found = np.empty((len(v), len(matrix.values)), np.float32)
        with one_thread():
            for own, block in _blocks(matrix, v.shape[1]):
                np.matmul(scaled, block.T, out=found[:, own])
        return found

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        planes = check_rows("planes", planes, PLANES)
        spent = check_spent(spent, len(planes))
        pictures = np.empty((len(planes), CANVAS, CANVAS, 3), np.uint8)
        # exp(-x) may overflow: x / infinity is right, too.
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):
            for picture, own, share in zip(pictures, planes, spent, strict=True):
                luma = own[: LUMA * LUMA].reshape(LUMA, LUMA)
                chroma = own[LUMA * LUMA :].reshape(2, CHROMA, CHROMA)
                rgb = _linear_picture(luma, chroma) + self._decoder(luma, chroma, share)
                picture[:] = np.rint(rgb.clip(0, 1) * 255)
        return pictures

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self._model)


class Decoder:
    """The network that adds what faces usually have to a smooth one; see stc.codec.torch.decoder.

    Each layer's weights are floats [inputs, outputs] or, for 3x3 convolutions, [9 inputs, outputs].
    Raises WrongModelError for a layer that is damaged, missing or of another type or shape.
    """

    def __init__(self, model: ModelFile) -> None:
        widths = decoder_widths(model)
        arrays = dict(zip(decoder_names(widths), decoder_arrays(model, widths), strict=True))
        self._arrays: dict[str, Floats] = {}
        for name, array in arrays.items():
            if name.endswith(".scale"):
                continue
            if array.dtype == np.int8:  # [inputs, ...] in front of the outputs
                if array.ndim == 4:  # [inputs, 3, 3, outputs]: all inputs of one place together
                    array = np.moveaxis(array, 0, 2)
                scale = arrays[f"{name}.scale"].astype(np.float32)
                array = array.reshape(-1, array.shape[-1]) * scale
            self._arrays[name.removeprefix("decoder.")] = array.astype(np.float32)

    def __call__(self, luma: Floats, chroma: Floats, spent: np.float32) -> Floats:
        """Luma [64, 64], chroma [2, 32, 32] and the spent share -> detail [128, 128, 3]."""
        luma = 2 * luma[..., None] - 1  # to about [-1, 1]
        chroma = 4 * np.moveaxis(chroma, 0, 2)
        share = np.array([spent, np.sqrt(spent), 1], np.float32)
        condition = _silu(self._linear("embed.0", share))
        x16 = self._conv("enter16", _join(_unshuffle(luma, 4), _unshuffle(chroma, 2)))
        x8 = self._conv("down8", _silu(x16), stride=2)
        for number in range(2):
            x8 = self._mix(f"mix8.{number}", x8)
        x16 += _shuffle(self._linear("up16", x8))
        for number in range(2):
            x16 = self._modulated(f"blocks16.{number}", x16, condition)
        x32 = self._conv("enter32", _join(_unshuffle(luma, 2), chroma))
        x32 += _shuffle(self._linear("up32", x16))
        x32 = self._modulated("blocks32.0", x32, condition)
        x64 = self._conv("enter64", luma)
        x64 += _shuffle(self._linear("up64", x32))
        x64 = self._modulated("blocks64.0", x64, condition)
        return _shuffle(self._conv("leave", _silu(x64)))

    def _linear(self, name: str, x: Floats) -> Floats:
        """A layer of every place on its own: x [..., inputs] -> [..., outputs]."""
        flat = x.reshape(-1, x.shape[-1]) @ self._arrays[f"{name}.weight"]
        flat += self._arrays[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _conv(self, name: str, x: Floats, stride: int = 1) -> Floats:
        """A 3x3 convolution; beyond the edges is zero."""
        height, width, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        shifted = [
            padded[i : i + height : stride, j : j + width : stride]
            for i in range(3)
            for j in range(3)
        ]
        return self._linear(name, _join(*shifted))

    def _modulated(self, name: str, x: Floats, condition: Floats) -> Floats:
        """Residual block of two convolutions, scaled and shifted by the spent share."""
        scale, shift = np.split(self._linear(f"{name}.condition", condition), 2)
        inner = _silu(self._conv(f"{name}.first", x) * (1 + scale) + shift)
        return x + self._conv(f"{name}.second", inner)

    def _mix(self, name: str, x: Floats) -> Floats:
        """Every place talks to every other, then every channel to every other."""
        places = x.reshape(-1, x.shape[-1])
        talk = self._normalised(f"{name}.norm_places", places).T
        talk = self._linear(f"{name}.places.2", _silu(self._linear(f"{name}.places.0", talk)))
        places = places + talk.T
        talk = self._normalised(f"{name}.norm_channels", places)
        talk = self._linear(f"{name}.channels.2", _silu(self._linear(f"{name}.channels.0", talk)))
        mixed: Floats = places + talk
        return mixed.reshape(x.shape)

    def _normalised(self, name: str, x: Floats) -> Floats:
        """Layer normalisation over the channels."""
        centred = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        unit: Floats = centred / np.sqrt(variance + np.float32(1e-5))
        return unit * self._arrays[f"{name}.weight"] + self._arrays[f"{name}.bias"]


def _linear_picture(luma: Floats, chroma: Floats) -> Floats:
    """Luma [64, 64] and chroma [2, 32, 32], enlarged and as RGB [128, 128, 3]."""
    up, wide = bicubic(LUMA, CANVAS), bilinear(CHROMA, CANVAS)
    grey = up @ luma @ up.T
    blue, red = (wide @ plane @ wide.T for plane in chroma)
    blue, red = grey + blue / np.float32(0.564), grey + red / np.float32(0.713)
    green = (grey - np.float32(0.299) * red - np.float32(0.114) * blue) / np.float32(0.587)
    return np.stack([red, green, blue], -1)


def _blocks(matrix: Matrix, columns: int) -> Iterator[tuple[slice, Floats]]:
    """Some rows at a time, and their first columns as floats, not yet scaled."""
    for start in range(0, len(matrix.values), ROWS):
        own = slice(start, start + ROWS)
        yield own, matrix.values[own, :columns].astype(np.float32)


def _join(*pictures: Floats) -> Floats:
    """Pictures of the same size -> one with the channels of all."""
    return np.concatenate(pictures, -1)


def _silu(x: Floats) -> Floats:
    activated: Floats = x / (1 + np.exp(-x))
    return activated


def _unshuffle(x: Floats, r: int) -> Floats:
    """[H r, W r, C] -> [H, W, C r r]: squares of r x r pixels become channels."""
    height, width, channels = x.shape
    split = x.reshape(height // r, r, width // r, r, channels)
    return split.transpose(0, 2, 4, 1, 3).reshape(height // r, width // r, -1)


def _shuffle(x: Floats) -> Floats:
    """[H, W, 4 C] -> [2 H, 2 W, C]: the inverse of `_unshuffle` for squares of 2 x 2."""
    height, width, channels = x.shape
    split = x.reshape(height, width, channels // 4, 2, 2)
    return split.transpose(0, 3, 1, 4, 2).reshape(2 * height, 2 * width, -1)
