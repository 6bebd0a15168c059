"""The search as numpy's matrix products, in pieces; needs no compiler and no other library."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stc.kernels.definition import squared_distance
from stc.kernels.prepared import PreparedCodebooks

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

# Scores held at once: 8 MB of float32, about a core's share of the cache.
PIECE = 1 << 21
# The most multiplications in one matrix product for which OpenBLAS uses one thread. Its threads are
# slower than one thread if they have to wait for a core.
PRODUCT = 1 << 18


def run(
    latents: Floats, prepared: PreparedCodebooks, groups: Longs | None, threads: int | None = None
) -> tuple[Longs, Floats]:
    """Return indices and costs [B, G, T], or [B, T] if groups are given.

    latents: float32 [B, T, D]. groups: int64 [B]. threads: ignored; one thread is used.
    """
    if groups is None:
        every = [nearest_in_group(latents, prepared, g) for g in range(prepared.groups)]
        indices, costs = zip(*every, strict=True)
        return np.stack(indices, 1), np.stack(costs, 1)
    if prepared.groups == 1:
        return nearest_in_group(latents, prepared, 0)
    found = np.empty(latents.shape[:2], np.int64)
    paid = np.empty(latents.shape[:2], np.float32)
    for group in np.unique(groups).tolist():
        rows = groups == group
        found[rows], paid[rows] = nearest_in_group(latents[rows], prepared, group)
    return found, paid


def nearest_in_group(
    latents: Floats, prepared: PreparedCodebooks, group: int
) -> tuple[Longs, Floats]:
    """Return indices and costs [B, T] of latents [B, T, D] in one group.

    Matrix products round differently with every shape. Where several codewords are nearest within
    the rounding error, their costs are computed by the definition, so the result matches it.
    """
    batch, tokens, _ = latents.shape
    indices = np.empty((tokens, batch), np.int64)
    pairs = min(PIECE // tokens, PRODUCT // prepared.dimensions)  # of an image and a codeword
    size = max(1, pairs // prepared.codewords)
    for start in range(0, batch, size):
        rows = slice(start, start + size)
        indices[:, rows] = _in_piece(latents[rows], prepared, group, size)
    chosen = np.ascontiguousarray(indices.T)
    costs = squared_distance(latents, prepared.codebooks[group, np.arange(tokens), chosen])
    if prepared.penalty is not None:
        costs = costs + prepared.penalty[group, np.arange(tokens), chosen]
    return chosen, costs


def _in_piece(latents: Floats, prepared: PreparedCodebooks, group: int, size: int) -> Longs:
    """Indices [T, b] of latents [b, T, D]; ambiguous ones are recomputed, `size` at a time."""
    codebooks, penalty = prepared.codebooks[group], prepared.penalty
    centred = (latents - prepared.centre).swapaxes(0, 1)  # [T, b, D]
    scores = centred @ prepared.columns[group]  # [T, b, K padded]
    np.subtract(prepared.bias[group, :, None], scores, out=scores)
    indices: Longs = scores.argmin(2)
    least = np.take_along_axis(scores, indices[..., None], 2)[..., 0]
    close = (scores <= (least + _slack(centred, prepared, group))[..., None]).sum(2) > 1
    token, image = close.nonzero()
    for piece in range(0, len(token), size):
        t, b = token[piece : piece + size], image[piece : piece + size]
        costs = squared_distance(latents[b, t][:, None], codebooks[t])
        if penalty is not None:
            costs = costs + penalty[group, t]
        indices[t, b] = costs.argmin(1)
    return indices


def _slack(centred: Floats, prepared: PreparedCodebooks, group: int) -> Floats:
    """Bound of the difference that rounding causes between two equal scores, [T, b]."""
    lengths = np.sqrt(np.square(centred).sum(2)) + prepared.longest[group, :, None]
    slack: Floats = np.float32((prepared.dimensions + 4) * 2**-23) * np.square(lengths)
    if prepared.penalty is not None:
        slack += np.float32(2**-22) * np.abs(prepared.penalty[group]).max(1)[:, None]
    return slack
