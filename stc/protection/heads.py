"""Heads: the last feature map of a recogniser -> a grouped template. A small network, in numpy.

As in SlerpFace (arXiv 2407.03043) a 1x1 convolution reduces every cell to c channels, those of the
mirrored picture are added, and a small network gives what each cell counts. Two things differ,
since the recogniser is not trained along: every cell has a 1x1 convolution of its own, and the
small network sees what they give, which is less work than seeing the map.

`stc.lab.training.head` trains heads; its network computes the same in torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.protection.template import Floats

HIDDEN = 32  # channels within the attention
SIZE = 16  # dimensions of a group, if nothing else is asked for
_EPSILON = np.float32(1e-5)  # of the batch norms, beside the variance
# Layers of the attention that are a 3x3 convolution, a batch norm and a PReLU, by the convolution.
_STEPS = (0, 3)
_LAST = 6


@dataclass(frozen=True, eq=False)
class Head:
    """Feature maps of a picture and of its mirror image, [B, C, H, W], -> features [B, H*W, c] and
    weights [B, H*W] that sum to one.

    shape: C, H, W. arrays: float32, named and shaped as `shapes` says; a 3x3 kernel is
    [out, in, 3, 3].
    """

    shape: tuple[int, int, int]
    arrays: Mapping[str, Floats]

    @property
    def size(self) -> int:
        """c, the dimensions of a group."""
        return int(self.arrays["reduce"].shape[2])

    def __call__(self, maps: Floats, mirrored: Floats) -> tuple[Floats, Floats]:
        both = self._reduce(maps) + self._reduce(mirrored)
        picture = both.reshape(len(both), *self.shape[1:], self.size)
        for layer, (kernel, bias) in self._folded.items():
            picture = _prelu(_convolve(picture, kernel, bias), self._attend(layer + 2, "weight"))
        last = _convolve(picture, self._attend(_LAST, "weight"), self._attend(_LAST, "bias"))
        return both, _softmax(last.reshape(len(both), -1) + self.arrays["place"])

    def digest(self) -> str:
        """SHA-256 in hex of the names and values of all arrays."""
        # What torch counts beside each batch norm, which a file does not keep: records were made
        # when it counted towards the digest, and must still be known as this head's.
        counters: dict[str, npt.NDArray[Any]] = {
            f"attend.{layer + 1}.num_batches_tracked": np.zeros((), np.int64) for layer in _STEPS
        }
        digest = hashlib.sha256()
        for name, values in sorted({**self.arrays, **counters}.items()):
            digest.update(name.encode() + values.tobytes())
        return digest.hexdigest()

    def _reduce(self, maps: Floats) -> Floats:
        """Every cell by its own 1x1 convolution: [B, C, H, W] -> [B, H*W, c]."""
        cells = maps.reshape(*maps.shape[:2], -1).transpose(2, 0, 1)
        reduced = cells @ self.arrays["reduce"] + self.arrays["shift"][:, None]
        return _prelu(reduced.transpose(1, 0, 2), self.arrays["bend.weight"])

    def _attend(self, layer: int, name: str) -> Floats:
        return self.arrays[f"attend.{layer}.{name}"]

    @cached_property
    def _folded(self) -> dict[int, tuple[Floats, Floats]]:
        """Kernel and bias of every convolution and the batch norm that follows it, as one."""
        found = {}
        for layer in _STEPS:
            norm = layer + 1
            spread = np.sqrt(self._attend(norm, "running_var") + _EPSILON)
            scale = self._attend(norm, "weight") / spread
            bias = self._attend(norm, "bias") - self._attend(norm, "running_mean") * scale
            found[layer] = self._attend(layer, "weight") * scale[:, None, None, None], bias
        return found


def shapes(shape: tuple[int, int, int], size: int) -> dict[str, tuple[int, ...]]:
    """The arrays of a head for maps of that shape [C, H, W], with groups of `size` dimensions."""
    channels, height, width = shape
    cells = height * width
    found: dict[str, tuple[int, ...]] = {
        "reduce": (cells, channels, size),
        "shift": (cells, size),
        "bend.weight": (size,),
        "place": (cells,),  # what a cell counts in all faces
        f"attend.{_LAST}.weight": (1, HIDDEN, 3, 3),
        f"attend.{_LAST}.bias": (1,),
    }
    before = size
    for layer in _STEPS:
        found[f"attend.{layer}.weight"] = HIDDEN, before, 3, 3
        for name in ("weight", "bias", "running_mean", "running_var"):
            found[f"attend.{layer + 1}.{name}"] = (HIDDEN,)
        found[f"attend.{layer + 2}.weight"] = (HIDDEN,)
        before = HIDDEN
    return found


def _convolve(picture: Floats, kernel: Floats, bias: Floats) -> Floats:
    """A 3x3 convolution that keeps the size: [B, H, W, in] -> [B, H, W, out]."""
    count, height, width, _ = picture.shape
    padded = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)))
    made = np.zeros((count, height, width, len(kernel)), np.float32) + bias
    for row in range(3):
        for column in range(3):
            part = padded[:, row : row + height, column : column + width]
            made += part @ kernel[:, :, row, column].T
    return made


def _prelu(values: Floats, slope: Floats) -> Floats:
    """The last dimension is that of the slopes."""
    return np.where(values > 0, values, values * slope)


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
