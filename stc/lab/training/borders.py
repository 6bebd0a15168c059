"""Planes of training faces; borders outside the photograph are estimated by ridge regression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.torch.canvas import plane_weight, to_planes
from stc.gallery.progress import hidden
from stc.lab.training.data import FILLED, to_tensors
from stc.lab.training.subspace import covariances, mirrored_mean, principal_axes

ROUNDS, RANK = 6, 192  # iterations and principal components of the estimate of borders


def filled_planes(faces: npt.NDArray[np.uint8]) -> Tensor:
    """Planes [N, 6144] of faces uint8 [N, 128, 128, 4], with estimated borders."""
    planes, seen = visible_planes(faces)
    fill_borders(planes, seen)
    return planes


def visible_planes(faces: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Planes [N, 6144] of faces uint8 [N, 128, 128, 4], and a mask bool [N, 6144].

    The mask marks the samples that depend only on pixels of the photograph.
    """
    planes = torch.empty(len(faces), PLANES)
    seen = torch.empty(len(faces), PLANES, dtype=torch.bool)
    for start in tqdm(range(0, len(faces), 512), desc="planes", disable=hidden()):
        rgb, mask = to_tensors(faces[start : start + 512])
        planes[start : start + 512] = to_planes(rgb)
        luma = F.avg_pool2d(mask, CANVAS // LUMA).flatten(1) > 0.999
        chroma = F.avg_pool2d(mask, CANVAS // CHROMA).flatten(1) > 0.999
        seen[start : start + 512] = torch.cat([luma, chroma, chroma], 1)
    return planes, seen


def fill_borders(planes: Tensor, seen: Tensor) -> None:
    """Replace the samples outside the mask `seen` by low-rank estimates, in place.

    The estimates are iterated in the subspace of the first RANK principal components of faces
    that fill the canvas.
    """
    filled = seen.float().mean(1) > FILLED
    share = filled.float() / filled.sum()
    mean = mirrored_mean(planes, share)
    basis, power = principal_axes(covariances(planes, mean, share), RANK)
    weight, shrink = plane_weight(), power / (power + 0.02)
    for _ in tqdm(range(ROUNDS), desc="filling borders", disable=hidden()):
        for part, visible in zip(planes.split(2048), seen.split(2048), strict=True):
            guess = (((part - mean) * weight) @ basis * shrink) @ basis.T / weight + mean
            part.copy_(torch.where(visible, part, guess))
