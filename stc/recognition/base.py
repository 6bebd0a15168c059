"""What a recogniser is, for all that run one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Embeddings = npt.NDArray[np.float32]  # [N, D]
Maps = npt.NDArray[np.float32]  # [N, C, H, W]

# Faces at a time: large enough for the matrix products, small enough for the processor's cache.
BATCH = 16
# The ArcFace 112 px crop is this square of the canvas.
CROP = slice(12, 116)


class Recogniser(Protocol):
    """Anything that embeds faces, and shows the last feature map that it does so from."""

    name: str
    key: str  # changes when the embeddings or maps would be others
    note: str  # what a reader of its figures should know

    def embed(self, faces: Faces) -> Embeddings:
        """uint8 [N, 128, 128, 3] on the canvas -> [N, D]."""
        ...

    def embed_with_maps(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """The embeddings, and the last feature map of more than one cell, [N, C, H, W]."""
        ...
