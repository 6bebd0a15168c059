"""LPIPS, a perceptual distance that a network computes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.lab.evaluation.base import Faces
from stc.lab.training.networks import Lpips

BATCH = 8  # faces at a time: the feature maps of more do not fit the processor's cache


@torch.inference_mode()
def lpips(source: Faces, decoded: Faces, weights: Path) -> npt.NDArray[np.float64]:
    """LPIPS v0.1 on AlexNet (Zhang et al. 2018) of each pair of faces, [N].

    source, decoded: uint8 [N, H, W, 3]. weights: the file of the network's weights.
    """
    network, parts = _network(weights), [np.zeros(0)]
    for start in range(0, len(source), BATCH):
        part = slice(start, start + BATCH)
        distance = network(_signed(decoded[part]), _signed(source[part]))
        parts.append(distance.double().reshape(-1).numpy())
    return np.concatenate(parts)


def _signed(faces: Faces) -> Tensor:
    """uint8 [B, H, W, 3] -> [B, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2).float() / 127.5 - 1


@lru_cache(maxsize=1)
def _network(weights: Path) -> Lpips:
    return Lpips(weights)
