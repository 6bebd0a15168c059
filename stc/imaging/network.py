"""The network that finds faces: RetinaFace (MobileNet-0.25), an ONNX file run by ONNX Runtime.

Pixels go in, boxes and landmarks come out, in pixels of the input; where to look, how closely and
what to believe is decided in `stc.imaging.detection`. weights/README.md says where the file comes
from and what was changed in it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stc.packaged_network import OpenedOnce, read, session

Floats = npt.NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "weights" / "retinaface-mobilenet025.onnx"
SHA256 = "aa4acd2f543285a8a17bb4af668b2c3385c46dbc30990318b4af5613b2dc68b7"

GRAIN = 32  # height and width of the input must be multiples of the coarsest stride
GREY = (123, 117, 104)  # RGB: what the network takes for nothing; it subtracts this from its input

# (stride, anchor sizes) of the network's outputs, and the scale of what it regresses.
_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_SCALE = 0.1
_SIZE_SCALE = 0.2

# Two boxes that share more than this part of the smaller one are one face; where they share so much
# of their union, both are good views of it.
SAME_FACE = 0.5
# Input pixels above which the memory of a run is given back rather than kept for the next.
_MUCH = 1 << 20


class Detection(NamedTuple):
    """A face as the network sees it, in pixels of its input, x first."""

    box: Floats  # [4]: left, top, width, height
    landmarks: Floats  # [5, 2]: eyes, nose tip, mouth corners; the image's left one first
    score: float  # 0 to 1


def detect(
    pixels: npt.NDArray[np.uint8], min_score: float, fine: bool = True
) -> list[list[Detection]]:
    """RGB pictures uint8 [B, H, W, 3], H and W multiples of GRAIN -> the faces of each.

    fine: whether faces less than about 48 px wide matter; without them it takes two thirds.

    The surest come first, each face once: its box is that of its surest anchor, its landmarks are
    the mean of all anchors that see it well, weighted by their scores, which scatters a fifth less
    than the surest one alone.

    Raises ModelMissingError without the file of weights, WrongModelError if it was changed.
    """
    options = None
    if pixels[..., 0].size > _MUCH:
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    network = _network.get()
    with _network.used:
        outputs = network.run(None, {"image": pixels, "fine": np.array(fine)}, options)
    return [
        _merged(*_decoded([level[picture] for level in outputs if level.size], min_score))
        for picture in range(len(pixels))
    ]


def _decoded(
    levels: list[npt.NDArray[np.float32]], min_score: float
) -> tuple[Floats, Floats, Floats]:
    """One picture's maps [30, h, w] -> boxes [N, 4], landmarks [N, 5, 2], scores [N].

    A map holds, for each of two anchors: the logit of the score, centre (x, y) and the logarithm of
    the size (w, h) of the box, and five landmarks (x, y).
    """
    least = math.log(min_score / (1 - min_score))
    boxes, landmarks, logits = [], [], []
    for (stride, sizes), level in zip(_LEVELS[-len(levels) :], levels, strict=True):
        maps = level.reshape(2, 15, *level.shape[1:])
        anchor, y, x = np.nonzero(maps[:, 0] >= least)
        found = maps[anchor, :, y, x].astype(np.float64)  # [n, 15]
        size = np.array(sizes, np.float64)[anchor, None]
        centre = (np.stack([x, y], 1) + 0.5) * stride
        middle = centre + found[:, 1:3] * _CENTRE_SCALE * size
        extent = size * np.exp(found[:, 3:5] * _SIZE_SCALE)
        offset = found[:, 5:].reshape(-1, 5, 2) * _CENTRE_SCALE * size[..., None]
        boxes.append(np.hstack([middle - extent / 2, extent]))
        landmarks.append(centre[:, None] + offset)
        logits.append(found[:, 0])
    scores = 1 / (1 + np.exp(-np.concatenate(logits)))
    return np.concatenate(boxes), np.concatenate(landmarks), scores


def _merged(boxes: Floats, landmarks: Floats, scores: Floats) -> list[Detection]:
    """Every face once, the surest first."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    faces = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best = left[0]
        sides = np.minimum(high[left], high[best]) - np.maximum(low[left], low[best])
        shared = np.maximum(sides, 0).prod(1)
        voters = left[shared > SAME_FACE * (area[left] + area[best] - shared)]
        weights = scores[voters] / scores[voters].sum()
        mean = np.tensordot(weights, landmarks[voters], 1)
        faces.append(Detection(boxes[best], mean, float(scores[best])))
        left = left[shared <= SAME_FACE * np.minimum(area[left], area[best])]
    return faces


def _open() -> Any:
    return session(read(WEIGHTS, SHA256, "the network that finds faces"))


_network = OpenedOnce(_open)
