"""Embeddings and feature maps of both views of a face: the face, and its mirror image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.protection.template import Floats, unit
from stc.recognition.base import Faces, Recogniser

_PART = 64  # faces per call of the recognition model


@dataclass(frozen=True, eq=False)
class Views:
    """The recognition model's output for both views of N faces.

    embeddings: the sum of both embeddings after scaling each to length one, float32 [N, D].
    maps: both feature maps, float16 [N, 2, C, H, W].
    """

    embeddings: Floats
    maps: npt.NDArray[np.float16]

    @property
    def mean(self) -> Floats:
        """The mean of the embeddings after scaling each to length one, [D]."""
        length = np.linalg.norm(self.embeddings, axis=1, keepdims=True)
        return np.asarray((self.embeddings / np.maximum(length, 1e-12)).mean(0), np.float32)


def view(recogniser: Recogniser, faces: Faces, *, maps: bool = True) -> Views:
    """Run the recognition model on both views of faces, uint8 [N, 128, 128, 3].

    maps: whether feature maps are needed; without them, `Views.maps` has no channels.
    """
    embeddings, both = [], []
    for start in range(0, len(faces), _PART):
        some = np.ascontiguousarray(faces[start : start + _PART])
        mirrored = np.ascontiguousarray(some[:, :, ::-1])
        if maps:
            one, map_one = recogniser.embed_with_maps(some)
            two, map_two = recogniser.embed_with_maps(mirrored)
            both.append(np.stack([map_one, map_two], 1).astype(np.float16))
        else:
            one, two = recogniser.embed(some), recogniser.embed(mirrored)
            both.append(np.zeros((len(some), 2, 0, 1, 1), np.float16))
        embeddings.append(unit(one) + unit(two))
    return Views(np.concatenate(embeddings), np.concatenate(both))
