"""Aligned faces from tar files, as one memory-mapped array.

A data folder contains tar files of 128x128 RGB or RGBA images, one image in each member. Alpha 0
marks filled pixels: those outside the photograph, which repeat its border. All losses ignore them.
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

# A face fills the canvas if more than this share of its pixels is from the photograph.
FILLED = 0.97


def read_tar(path: Path, side: int = CANVAS) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield each image of a tar file as RGBA, uint8 [side, side, 4], in the order of the file.

    Raises ValueError if an image has another size.
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


def face_tars(folder: Path) -> list[Path]:
    """The tar files of a folder, sorted, but for *_256.tar, the upscaler's faces of 256 pixels."""
    return sorted(path for path in folder.glob("*.tar") if not path.stem.endswith("_256"))


def load_faces(folder: Path, cache: Path) -> npt.NDArray[np.uint8]:
    """All faces of a folder's `face_tars`, uint8 [N, 128, 128, 4], memory-mapped.

    cache: the .npy file of the array, which is written if it is missing. Raises FileNotFoundError
    if the folder has no such files.
    """
    if not cache.exists():
        tars = face_tars(folder)
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
    """Convert RGBA uint8 [B, H, W, 4] to RGB in [0, 1] [B, 3, H, W] and a mask [B, 1, H, W].

    The mask is 1 where alpha is above a half: pixels of the photograph.
    """
    # A copy, because torch does not support read-only (memory-mapped) arrays.
    pixels = torch.from_numpy(np.array(faces)).permute(0, 3, 1, 2).float() / 255
    return pixels[:, :3], (pixels[:, 3:] > 0.5).float()


def fills_canvas(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Whether the photograph covers more than FILLED of each canvas [N, 128, 128, 4], [N]."""
    parts = np.array_split(faces, max(1, len(faces) // 512))
    return np.concatenate([(part[..., 3] > 127).mean((1, 2)) > FILLED for part in parts])
