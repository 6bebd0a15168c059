"""The face detection network: RetinaFace (MobileNet-0.25), an ONNX file run by ONNX Runtime.

It maps pixels to boxes and landmarks, in pixels of the input. `stc.imaging.detection` chooses its
inputs and thresholds. weights/README.md has the origin of the file and the changes to it.
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
GREY = (123, 117, 104)  # RGB: the mean that the network subtracts from its input

# (stride, anchor sizes) of the network's outputs, and the scales of its regression targets.
_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_SCALE = 0.1
_SIZE_SCALE = 0.2

# Two boxes show the same face if their intersection is more than this fraction of the smaller box;
# the landmarks of both are averaged if it is more than this fraction of their union.
SAME_FACE = 0.5
# For inputs of more pixels, the memory of a run is freed instead of kept for the next run.
_MAX_KEPT = 1 << 20


class Detection(NamedTuple):
    """A face that the network detects, in pixels of its input, x first."""

    box: Floats  # [4]: left, top, width, height
    landmarks: Floats  # [5, 2]: eyes, nose tip, mouth corners; the image's left one first
    score: float  # 0 to 1


def detect(
    pixels: npt.NDArray[np.uint8], min_score: float, fine: bool = True
) -> list[list[Detection]]:
    """Detect the faces of RGB pictures uint8 [B, H, W, 3] -> a list for each, best score first.

    H and W must be multiples of GRAIN. min_score: 0 to 1, exclusive. fine: whether to detect faces
    less than about 48 px wide; without them detection takes two thirds of the time.

    Each face is returned once, with the box of its best anchor. Its landmarks are the mean over
    all anchors whose boxes overlap that box well, weighted by their scores: they scatter a fifth
    less than those of the best anchor.

    Raises ModelMissingError if the file of weights is missing, WrongModelError if it was changed.
    """
    options = None
    if pixels[..., 0].size > _MAX_KEPT:
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
    """Decode one picture's maps [30, h, w] -> boxes [N, 4], landmarks [N, 5, 2], scores [N].

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
    """Merge detections of the same face (non-maximum suppression), best score first."""
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
