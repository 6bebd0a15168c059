"""Sheets of pictures, by which a training is watched."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor


def write_sheet(path: Path, rows: Tensor) -> None:
    """Write pictures [N, columns, 3, H, W] in [0, 1] as one PNG file, in N rows.

    Values outside are clamped. The file's folder is created if it is missing.
    """
    number, _, _, height, _ = rows.shape
    pixels = rows.clamp(0, 1).permute(0, 3, 1, 4, 2).reshape(number * height, -1, 3)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray((pixels * 255).round().byte().cpu().numpy()).save(path)
