"""Frozen networks in the losses of training: recognition models and LPIPS.

The package contains none of them: the command line names their files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from safetensors.torch import load_file
from torch import Tensor, nn

from stc.recognition.base import CROP

# Weight decay leaves weights such as 1e-30, which have no effect but make subnormal numbers, which
# are slow.
_NOTHING = 1e-10


class _OnnxChain(nn.Module):
    """Runs an ONNX graph of a MobileFaceNet or MobileNet as torch operations, with gradients."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        super().__init__()
        graph = onnx.load(path).graph
        attribute = onnx.helper.get_attribute_value
        self.nodes = [
            (n.op_type, list(n.input), n.output[0], {a.name: attribute(a) for a in n.attribute})
            for n in graph.node
        ]
        self.constants: dict[str, str] = {}
        for tensor in graph.initializer:
            name = f"constant_{len(self.constants)}"
            values = torch.tensor(numpy_helper.to_array(tensor).copy())
            if values.is_floating_point():  # float16 too, which the graph casts before use
                values = values.float()
                values[values.abs() < _NOTHING] = 0
            self.register_buffer(name, values)
            self.constants[tensor.name] = name
        given = next(v for v in graph.input if v.name not in self.constants)
        self.input, self.output = given.name, graph.output[0].name
        self.side = given.type.tensor_type.shape.dim[-1].dim_value  # pixels; 0 if not fixed

    def forward(self, x: Tensor) -> Tensor:
        values = {self.input: x}
        for operator, inputs, output, attributes in self.nodes:
            a = [
                values[k] if k in values else getattr(self, self.constants[k]) for k in inputs if k
            ]
            values[output] = _apply(operator, a, attributes)
        return values[self.output]


def _apply(operator: str, a: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    match operator:
        case "Conv":
            return _convolved(a, attributes)
        case "PRelu":
            return F.prelu(a[0], a[1].reshape(-1))
        case "Relu":
            return F.relu(a[0])
        case "Add":
            return a[0] + a[1]
        case "Mul":
            return a[0] * a[1]
        case "Min":  # with a scalar, `clamp` has half the backward cost of `minimum`
            return a[0].clamp(max=a[1].item()) if a[1].numel() == 1 else torch.minimum(a[0], a[1])
        case "Max":
            return a[0].clamp(min=a[1].item()) if a[1].numel() == 1 else torch.maximum(a[0], a[1])
        case "Cast":
            return a[0].float()
        case "BatchNormalization":
            epsilon = attributes.get("epsilon", 1e-5)
            return F.batch_norm(a[0], a[3], a[4], a[1], a[2], False, 0, epsilon)
        case "Reshape" | "Flatten":
            return a[0].flatten(1)
        case "Gemm":
            return F.linear(a[0], a[1] if attributes.get("transB") else a[1].T, a[2])
        case "GlobalAveragePool":
            return a[0].mean((2, 3), keepdim=True)
    raise ValueError(f"ONNX operator {operator} is not supported")


def _convolved(a: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    x, weight, bias = a[0], a[1], a[2] if len(a) > 2 else None
    strides = attributes.get("strides", [1, 1])
    pads = list(attributes.get("pads", [0] * 4))  # top, left, bottom, right
    if attributes.get("auto_pad") == b"SAME_UPPER":
        sizes = zip(x.shape[2:], weight.shape[2:], strides, strict=True)
        whole = [max((-(-n // step) - 1) * step + size - n, 0) for n, size, step in sizes]
        pads = [*(n // 2 for n in whole), *(n - n // 2 for n in whole)]
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), [0, 0]
    dilations, group = attributes.get("dilations", 1), attributes.get("group", 1)
    return F.conv2d(x, weight, bias, strides, pads[:2], dilations, group)


@dataclass(frozen=True)
class _Input:
    """The normalisation of BGR crops: (pixel from 0 to 255 - mean) / scale."""

    mean: tuple[float, float, float]
    scale: float


# By the side of the crop, since an ONNX file does not state the normalisation.
_INPUTS = {
    112: _Input((127.5, 127.5, 127.5), 128.0),  # ArcFace's networks
    224: _Input((103.939, 116.779, 123.68), 1.0),  # those of ImageNet's Caffe models
}


class Recogniser(nn.Module):
    """A recognition model: canvas RGB in [-1, 1] [B, 3, 128, 128] -> unit embeddings [B, E].

    Raises ValueError if the ONNX file needs crops of another size than 112 or 224 pixels, or (in
    `forward`) has operators that are not supported.
    """

    mean: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.net = _OnnxChain(path).eval().requires_grad_(False)
        self.side = self.net.side or 112
        if self.side not in _INPUTS:
            sizes = " or ".join(map(str, _INPUTS))
            raise ValueError(f"{path} takes crops of {self.side} pixels, not {sizes}")
        given = _INPUTS[self.side]
        self.register_buffer("mean", torch.tensor(given.mean).view(1, 3, 1, 1), persistent=False)
        self.scale = given.scale

    def forward(self, canvas: Tensor) -> Tensor:
        crop = F.interpolate(
            canvas[:, :, CROP, CROP], size=self.side, mode="bilinear", align_corners=False
        )
        pixels = (crop.flip(1) + 1) * 127.5
        return F.normalize(self.net((pixels - self.mean) / self.scale).float())


class Panel(nn.Module):
    """Several recognition models as one, whose cosine is the mean of their cosines.

    Canvas RGB in [-1, 1] [B, 3, 128, 128] -> unit embeddings [B, E]: those of all models, scaled
    and concatenated.
    """

    def __init__(self, recognisers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(recognisers)

    def forward(self, canvas: Tensor) -> Tensor:
        share = len(self.members) ** -0.5
        return torch.cat([share * member(canvas) for member in self.members], 1)


class Lpips(nn.Module):
    """LPIPS v0.1 on AlexNet features (Zhang et al. 2018, arXiv 1801.03924).

    path: a safetensors file with the weights of AlexNet and of LPIPS.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        weights = {k: v.float() for k, v in load_file(path).items()}
        self.features.load_state_dict(
            {k[9:]: v for k, v in weights.items() if k.startswith("features.")}
        )
        for i in range(5):
            self.register_buffer(f"lin{i}", weights[f"lin{i}"].view(1, -1, 1, 1))
        mean, std = ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450])
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.requires_grad_(False)

    @property
    def lin(self) -> list[Tensor]:
        """The weights of the channels of the five feature maps, [1, C, 1, 1] each."""
        return [self.get_buffer(f"lin{i}") for i in range(5)]

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """Five maps of unit feature vectors of pictures, RGB in [-1, 1] [B, 3, H, W]."""
        x, maps = (rgb - self.mean) / self.std, []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (1, 4, 7, 9, 11):
                maps.append(x * torch.rsqrt(x.square().sum(1, keepdim=True) + 1e-10))
        return maps

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The distances [B] of two batches, RGB in [-1, 1] [B, 3, H, W]; b gets no gradient."""
        with torch.no_grad():
            target = self.maps(b)
        pairs = zip(self.maps(a), target, self.lin, strict=True)
        return torch.stack(
            [((p - q).square() * w).sum(1).float().mean((1, 2)) for p, q, w in pairs]
        ).sum(0)
