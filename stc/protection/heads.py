"""Heads: the last map of features of a recogniser -> a grouped template.

As in SlerpFace (arXiv 2407.03043) a 1x1 convolution reduces every cell to c channels, those of the
mirrored picture are added, and a small network says what each cell counts. Two things differ, since
the recogniser is not trained along: every cell has a 1x1 convolution of its own, and the small
network looks at what they give, which is less work than looking at the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stc.errors import ModelMissingError, WrongModelError
from stc.protection.template import Floats

SHIPPED = {"dlib-resnet-v1": "dlib.safetensors"}  # by the recogniser's key
_HIDDEN = 32  # channels within the attention
_KIND = "stc protection head 1"


class Head(nn.Module):
    """Maps of a picture and of its mirror image [B, C, H, W] -> features [B, H*W, c] and weights
    [B, H*W] that sum to one.

    shape: C, H, W. size: c, the dimensions of a group.
    """

    def __init__(self, shape: tuple[int, int, int], size: int = 16) -> None:
        super().__init__()
        channels, height, width = shape
        self.shape, self.size = shape, size
        self.reduce = nn.Parameter(torch.zeros(height * width, channels, size))
        self.shift = nn.Parameter(torch.zeros(height * width, size))
        self.bend = nn.PReLU(size, init=1)  # straight, until training bends it
        self.attend = nn.Sequential(
            *_step(size, _HIDDEN), *_step(_HIDDEN, _HIDDEN), nn.Conv2d(_HIDDEN, 1, 3, padding=1)
        )
        self.place = nn.Parameter(torch.zeros(height * width))  # what a cell counts in all faces

    def forward(self, maps: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
        both = self._reduced(maps) + self._reduced(mirrored)
        picture = both.transpose(1, 2).unflatten(2, self.shape[1:])
        return both, (self.attend(picture).flatten(1) + self.place).softmax(1)

    def _reduced(self, maps: Tensor) -> Tensor:
        cells = maps.flatten(2).permute(2, 0, 1) @ self.reduce + self.shift[:, None]
        return self.bend(cells.permute(1, 2, 0)).transpose(1, 2)  # type: ignore[no-any-return]


def _step(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.PReLU(after),
    )


def save_head(
    path: Path, head: Head, recogniser: str, middle: Floats, notes: Mapping[str, str]
) -> None:
    """Write a head for the recogniser of that key, in half precision, and the mean of its
    embeddings [D] over faces, which others than the head need."""
    arrays = {
        k: v.half().contiguous() for k, v in head.state_dict().items() if v.is_floating_point()
    }
    arrays["middle"] = torch.tensor(middle)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        arrays, path, {"kind": _KIND, "recogniser": recogniser, "map": _shown(head.shape), **notes}
    )


def load_head(path: Path, recogniser: str) -> Head:
    """Read a head. Raises ModelMissingError, WrongModelError if it is of another recogniser."""
    if not path.is_file():
        raise ModelMissingError(f"there is no head {path}")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WrongModelError(f"{path} is not a safetensors file: {error}") from error
    if about.get("kind") != _KIND or "reduce" not in arrays or arrays["reduce"].ndim != 3:
        raise WrongModelError(f"{path} is not a head for protection")
    if about.get("recogniser") != recogniser:
        raise WrongModelError(
            f"{path} is a head for {about.get('recogniser')}, not for {recogniser}"
        )
    arrays.pop("middle", None)
    cells, channels, size = arrays["reduce"].shape
    sides = [int(side) for side in about.get("map", "").split("x") if side.isdecimal()]
    if len(sides) != 3 or sides[0] != channels or sides[1] * sides[2] != cells:
        raise WrongModelError(f"{path} contradicts itself: {about.get('map')} is not its map")
    head = Head((sides[0], sides[1], sides[2]), size)
    try:
        missing, unknown = head.load_state_dict(arrays, strict=False)
    except RuntimeError as error:
        raise WrongModelError(f"{path}: {error}") from error
    if unknown or any(not name.endswith("num_batches_tracked") for name in missing):
        raise WrongModelError(f"{path} is not a head for protection")
    return head.eval().requires_grad_(False)


def load_middle(path: Path) -> Floats:
    """The mean of the recogniser's embeddings [D] that a head's file holds. Raises as load_head."""
    if not path.is_file():
        raise ModelMissingError(f"there is no head {path}")
    try:
        with safe_open(path, "np") as file:
            return np.asarray(file.get_tensor("middle"), np.float32)
    except SafetensorError as error:
        raise WrongModelError(f"{path}: {error}") from error


def _shown(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))


def shipped_head(recogniser: str) -> Path | None:
    """The head that the package brings for the recogniser of that key, if there is one."""
    name = SHIPPED.get(recogniser)
    return None if name is None else Path(str(files("stc.protection") / "weights" / name))
