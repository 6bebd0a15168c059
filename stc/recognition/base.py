"""The interface of a recognition model, and constants that all of them share."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Embeddings = npt.NDArray[np.float32]  # [N, D]
Maps = npt.NDArray[np.float32]  # [N, C, H, W]

# Faces per call: large enough for the matrix products, small enough for the processor's cache.
BATCH = 16
# Rows and columns of the canvas that correspond to ArcFace's crop of 112 px.
CROP = slice(12, 116)


class Recogniser(Protocol):
    """A model that maps faces to embeddings and also returns its last feature map."""

    name: str
    key: str  # identifies the weights and preprocessing: other embeddings or maps, another key
    note: str  # a caveat to print beside its results, such as "used in training"

    def embed(self, faces: Faces) -> Embeddings:
        """Canvas faces uint8 [N, 128, 128, 3] -> embeddings float32 [N, D]."""
        ...

    def embed_with_maps(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """Embeddings [N, D], and the last feature map with more than one cell, [N, C, H, W]."""
        ...
