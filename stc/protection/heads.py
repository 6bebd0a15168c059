"""Heads: the last map of features of a recogniser -> a grouped template.

As in SlerpFace (arXiv 2407.03043): a 1x1 convolution reduces every cell to c channels, those of
the mirrored picture are added, and a small network says what each cell counts. Here it looks at
that sum, in the paper at the map, which takes many times the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stc.errors import ModelMissingError, WrongModelError

SHIPPED = {"dlib-resnet-v1": "dlib.safetensors"}  # by the recogniser's key
_HIDDEN = 32  # channels within the attention
_KIND = "stc protection head 1"


class Head(nn.Module):
    """Maps of a picture and of its mirror image [B, C, H, W] -> features [B, H*W, c] and weights
    [B, H*W] that sum to one.

    channels: C. size: c, the dimensions of a group.
    """

    def __init__(self, channels: int, size: int = 16) -> None:
        super().__init__()
        self.channels, self.size = channels, size
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, size, 1, bias=False), nn.BatchNorm2d(size), nn.PReLU(size)
        )
        self.attend = nn.Sequential(
            *_step(size, _HIDDEN), *_step(_HIDDEN, _HIDDEN), nn.Conv2d(_HIDDEN, 1, 3, padding=1)
        )

    def forward(self, maps: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
        both = self.reduce(maps) + self.reduce(mirrored)
        attention = self.attend(both).flatten(1).softmax(1)
        return both.flatten(2).transpose(1, 2), attention


def _step(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.PReLU(after),
    )


def save_head(path: Path, head: Head, recogniser: str, notes: Mapping[str, str]) -> None:
    """Write a head for the recogniser of that key, in half precision."""
    arrays = {k: v.half().contiguous() for k, v in head.state_dict().items() if v.ndim}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path, {"kind": _KIND, "recogniser": recogniser, **notes})


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
    if about.get("kind") != _KIND or "reduce.0.weight" not in arrays:
        raise WrongModelError(f"{path} is not a head for protection")
    if about.get("recogniser") != recogniser:
        raise WrongModelError(
            f"{path} is a head for {about.get('recogniser')}, not for {recogniser}"
        )
    size, channels = arrays["reduce.0.weight"].shape[:2]
    head = Head(channels, size)
    try:
        missing, unknown = head.load_state_dict(arrays, strict=False)
    except RuntimeError as error:
        raise WrongModelError(f"{path}: {error}") from error
    if unknown or any(not name.endswith("num_batches_tracked") for name in missing):
        raise WrongModelError(f"{path} is not a head for protection")
    return head.eval().requires_grad_(False)


def shipped_head(recogniser: str) -> Path | None:
    """The head that the package brings for the recogniser of that key, if there is one."""
    name = SHIPPED.get(recogniser)
    return None if name is None else Path(str(files("stc.protection") / "weights" / name))
