"""How the numbers that the encoder's matrices multiply go together, over faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.torch.canvas import to_planes
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.data import to_tensors

_BATCH = 256

# How much what a level reads counts as it is before its tokens are chosen, and as it is when they
# are chosen again, with all others held still. The second choice is the one that stays.
_FIRST, _AGAIN = 0.3, 0.7


@torch.inference_mode()
def plane_covariance(tokenizer: LevelTokenizer, faces: npt.NDArray[np.uint8]) -> Tensor:
    """Of the weighted planes of faces [N, 128, 128, 4] and their mirror images, [6144, 6144]."""
    total = torch.zeros(len(tokenizer.mean), len(tokenizer.mean))
    for start in range(0, len(faces), _BATCH):
        rgb, _ = to_tensors(faces[start : start + _BATCH])
        for side in (rgb, rgb.flip(3)):
            x = (to_planes(side) - tokenizer.mean) * tokenizer.weight
            total += x.T @ x
    return total / (2 * len(faces))


@torch.inference_mode()
def rest_covariances(tokenizer: LevelTokenizer, faces: npt.NDArray[np.uint8]) -> list[Tensor]:
    """Of the components [Z_l] that every level reads, over faces [N, 128, 128, 4]."""
    totals = [torch.zeros(level.components, level.components) for level in tokenizer.levels]
    for start in range(0, len(faces), _BATCH):
        rgb, _ = to_tensors(faces[start : start + _BATCH])
        components = tokenizer.analyse(rgb)
        groups, indices = tokenizer.encode(components)
        rest, parts = components.clone(), []
        own = indices.split(tokenizer.level_sizes, 1)
        for total, level, chosen in zip(totals, tokenizer.levels, own, strict=True):
            read = rest[:, : level.components]
            total += _FIRST * (read.T @ read)
            parts.append(level.decode(chosen, groups))
            rest[:, : level.components] -= parts[-1]
        for total, level, part in zip(totals, tokenizer.levels, parts, strict=True):
            read = rest[:, : level.components] + part
            total += _AGAIN * (read.T @ read)
    return [total / len(faces) for total in totals]
