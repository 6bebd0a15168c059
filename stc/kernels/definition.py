"""The definition of the search, which every backend must match.

cost(b, g, t, k) = sum over d, in order, of (z[b, t, d] - c[g, t, k, d])^2   + penalty[g, t, k]

Here z are the latents, c the codebooks; every operation is rounded to float32. The nearest codeword
has the least cost, the best group has the least total cost over the tokens (summed in float64). If
several are equal, the first one is chosen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


def squared_distance(a: Floats, b: Floats) -> Floats:
    """Return the squared distance [...] of a [..., D] and b [..., D], which broadcast."""
    total: Floats = np.square(a[..., 0] - b[..., 0])
    for d in range(1, a.shape[-1]):
        total = total + np.square(a[..., d] - b[..., d])
    return total


def nearest(
    latents: Floats, codebooks: Floats, penalty: Floats | None = None
) -> tuple[Longs, Floats]:
    """Return the indices and costs [B, G, T] of the nearest codewords.

    latents: [B, T, D]. codebooks: [G, T, K, D]. penalty: [G, T, K].
    """
    costs = squared_distance(latents[:, None, :, None], codebooks)  # [B, G, T, K]
    if penalty is not None:
        costs = costs + penalty
    indices = costs.argmin(3)
    return indices, np.take_along_axis(costs, indices[..., None], 3)[..., 0]


def best_group(costs: Floats) -> Longs:
    """Return the group of least total cost for every image, [B]; costs: [B, G, T]."""
    groups: Longs = costs.sum(2, dtype=np.float64).argmin(1)
    return groups
