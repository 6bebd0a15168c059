"""Aligned faces from tar files, as one memory-mapped array.

A data folder holds tar files of 128x128 RGB or RGBA images, one image a member. Alpha 0 marks
pixels that no camera saw (a repeated border); every loss leaves them out.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.gallery.progress import hidden

# A face fills the canvas as photographs do if a camera saw more than this share of it.
FILLED = 0.97


def read_tar(path: Path, side: int = CANVAS) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield each image of a tar file as RGBA, uint8 [side, side, 4], in the order of the file.

    Raises ValueError for an image of another size.
    """
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None:
                continue
            with Image.open(io.BytesIO(file.read())) as image:
                pixels = np.asarray(image.convert("RGBA"))
            if pixels.shape != (side, side, 4):
                raise ValueError(
                    f"{path.name}: {member.name} is {pixels.shape[:2]}, not {side} pixels square"
                )
            yield pixels


def load_faces(folder: Path, cache: Path) -> npt.NDArray[np.uint8]:
    """Every face of a folder of tar files, uint8 [N, 128, 128, 4], memory-mapped from `cache`."""
    if not cache.exists():
        tars = sorted(folder.glob("*.tar"))
        if not tars:
            raise FileNotFoundError(f"no tar files in {folder}")
        faces = [
            face
            for tar in tqdm(tars, desc="reading faces", disable=hidden())
            for face in read_tar(tar)
        ]
        partial = cache.with_suffix(".partial.npy")
        np.save(partial, np.stack(faces))
        partial.replace(cache)
    return np.load(cache, mmap_mode="r")  # type: ignore[no-any-return]


def to_tensors(faces: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """uint8 [B, 128, 128, 4] -> RGB in [0, 1] [B, 3, 128, 128] and visibility [B, 1, 128, 128]."""
    # A copy, since a memory-mapped array is read-only, which torch will not have.
    pixels = torch.from_numpy(np.array(faces)).permute(0, 3, 1, 2).float() / 255
    return pixels[:, :3], (pixels[:, 3:] > 0.5).float()


def fills_canvas(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which faces [N, 128, 128, 4] fill the canvas as photographs do: most of it was seen."""
    parts = np.array_split(faces, max(1, len(faces) // 512))
    return np.concatenate([(part[..., 3] > 127).mean((1, 2)) > FILLED for part in parts])
