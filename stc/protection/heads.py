"""Heads: small networks in numpy from a recognition model's last feature map to a grouped template.

As in SlerpFace (arXiv 2407.03043), a 1x1 convolution reduces every cell to c channels, those of the
mirrored picture are added, and an attention network computes the weight of each cell. Two things
differ because the recognition model is fixed: every cell has separate weights of the 1x1
convolution, and the attention network takes the reduced channels as input, not the feature map,
which costs less.

`stc.lab.training.head` trains heads with the same network in torch.
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

HIDDEN = 32  # hidden channels of the attention network
SIZE = 16  # default number of dimensions of a group
_EPSILON = np.float32(1e-5)  # added to the variance in batch norms
# Numbers of the attention network's 3x3 convolutions, each followed by a batch norm and a PReLU.
_STEPS = (0, 3)
_LAST = 6  # number of its last convolution


@dataclass(frozen=True, eq=False)
class Head:
    """Feature maps of a picture and of its mirror image, [B, C, H, W] each -> features [B, H*W, c]
    and weights [B, H*W] that sum to one.

    shape: (C, H, W). arrays: float32, with the names and shapes of `shapes`; a 3x3 kernel is
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
        # torch's counter of each batch norm, which files do not hold. It is part of the digest
        # because the digest of existing heads, and so the maker of their records, must not change.
        counters: dict[str, npt.NDArray[Any]] = {
            f"attend.{layer + 1}.num_batches_tracked": np.zeros((), np.int64) for layer in _STEPS
        }
        digest = hashlib.sha256()
        for name, values in sorted({**self.arrays, **counters}.items()):
            digest.update(name.encode() + values.tobytes())
        return digest.hexdigest()

    def _reduce(self, maps: Floats) -> Floats:
        """A 1x1 convolution with separate weights for every cell: [B, C, H, W] -> [B, H*W, c]."""
        cells = maps.reshape(*maps.shape[:2], -1).transpose(2, 0, 1)
        reduced = cells @ self.arrays["reduce"] + self.arrays["shift"][:, None]
        return _prelu(reduced.transpose(1, 0, 2), self.arrays["bend.weight"])

    def _attend(self, layer: int, name: str) -> Floats:
        return self.arrays[f"attend.{layer}.{name}"]

    @cached_property
    def _folded(self) -> dict[int, tuple[Floats, Floats]]:
        """Kernel and bias of every convolution with its batch norm folded in."""
        found = {}
        for layer in _STEPS:
            norm = layer + 1
            spread = np.sqrt(self._attend(norm, "running_var") + _EPSILON)
            scale = self._attend(norm, "weight") / spread
            bias = self._attend(norm, "bias") - self._attend(norm, "running_mean") * scale
            found[layer] = self._attend(layer, "weight") * scale[:, None, None, None], bias
        return found


def shapes(shape: tuple[int, int, int], size: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a head's arrays, for feature maps of `shape` (C, H, W) and groups of
    `size` dimensions."""
    channels, height, width = shape
    cells = height * width
    found: dict[str, tuple[int, ...]] = {
        "reduce": (cells, channels, size),
        "shift": (cells, size),
        "bend.weight": (size,),
        "place": (cells,),  # bias of a cell's weight, before the softmax
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
    """A 3x3 convolution with zero padding: [B, H, W, in] -> [B, H, W, out]."""
    count, height, width, _ = picture.shape
    padded = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)))
    made = np.zeros((count, height, width, len(kernel)), np.float32) + bias
    for row in range(3):
        for column in range(3):
            part = padded[:, row : row + height, column : column + width]
            made += part @ kernel[:, :, row, column].T
    return made


def _prelu(values: Floats, slope: Floats) -> Floats:
    """PReLU; `slope` has one value for each channel, the last dimension."""
    return np.where(values > 0, values, values * slope)


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
