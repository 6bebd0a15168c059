"""What an encoder measures errors by: W = I + w F F^T, so that identity costs more than a hat.

F [Z, r] holds the directions of components that move a recogniser most. A level's synthesis S has
columns that are orthonormal in the inverse of W; what reads its latents is therefore W S, and need
not be stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.codec.blas import one_thread
from stc.codec.matrix import Matrix

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Metric:
    """factor: F [Z, r], of no columns for the plain metric; weight: w. Safe in several threads."""

    factor: Floats
    weight: np.float32

    def analysis(self, synthesis: Matrix) -> Matrix:
        """Components to latents [Z, C], W S in 8 bits, of a level's synthesis [Z, C]."""
        drawn = synthesis.values * synthesis.scale
        with one_thread():
            found = drawn + self.weight * (self.factor @ (self.factor.T @ drawn))
        scale = np.maximum(np.abs(found).max(0), np.float32(1e-20)) / np.float32(127)
        found /= scale
        return Matrix(np.rint(found, out=found).astype(np.int8), scale)

    def size(self, rest: Floats) -> npt.NDArray[np.float64]:
        """The squares in this metric of components [B, all], of which F has the first Z: [B]."""
        with one_thread():
            # Face by face, so that nobody's depends on who else is in the batch.
            seen = [row[: len(self.factor)] @ self.factor for row in rest]
        plain: npt.NDArray[np.float64] = np.square(rest, dtype=np.float64).sum(1)
        if not seen or not self.factor.shape[1]:
            return plain
        return np.asarray(plain + self.weight * np.square(seen, dtype=np.float64).sum(1))
