"""The encoder's error metric W = I + w F F^T, which weights errors of identity more than others.

F [Z, r] contains the directions of components that change the output of a recognition model most.
The columns of a level's synthesis S are orthonormal in W, up to rounding: S^T W S = I. So the
analysis, which turns components into latents, is W S and need not be stored.
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
    """The metric W = I + weight * factor factor^T; safe to use from several threads.

    factor: F [Z, r]; r is 0 for the Euclidean metric.
    """

    factor: Floats
    weight: np.float32

    def analysis(self, synthesis: Matrix) -> Matrix:
        """Return the analysis W S [Z, C], in 8 bits, for a level's synthesis S [Z, C]."""
        drawn = synthesis.values * synthesis.scale
        with one_thread():
            found = drawn + self.weight * (self.factor @ (self.factor.T @ drawn))
        scale = np.maximum(np.abs(found).max(0), np.float32(1e-20)) / np.float32(127)
        found /= scale
        return Matrix(np.rint(found, out=found).astype(np.int8), scale)

    def size(self, rest: Floats) -> npt.NDArray[np.float64]:
        """Return the squared lengths [B] in this metric of components [B, all].

        F applies to the first Z of them; the others count in the Euclidean metric.
        """
        with one_thread():
            # Face by face, so that a result does not depend on the other faces of the batch.
            seen = [row[: len(self.factor)] @ self.factor for row in rest]
        plain: npt.NDArray[np.float64] = np.square(rest, dtype=np.float64).sum(1)
        if not seen or not self.factor.shape[1]:
            return plain
        return np.asarray(plain + self.weight * np.square(seen, dtype=np.float64).sum(1))
