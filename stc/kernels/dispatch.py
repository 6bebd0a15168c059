"""The public search on numpy arrays: checks the arguments and chooses a backend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stc.floating_point import standard_floats
from stc.kernels.prepared import PreparedCodebooks
from stc.kernels.registry import AUTO, choose
from stc.threads import threads

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


@standard_floats()
def search(
    latents: Floats,
    codebooks: PreparedCodebooks,
    groups: npt.NDArray[np.integer] | None = None,
    *,
    backend: str = AUTO,
) -> tuple[Longs, Floats]:
    """Return the codeword of least cost for every token: indices int64 and costs float32.

    latents: float32 [B, T, D]. codebooks: of [G, T, K, D]. groups: integers [B], the group in which
    each image is searched; the results are then [B, T]. Without groups every image is searched in
    every group, and the results are [B, G, T]. The cost of a codeword is its squared distance plus
    its penalty; ties go to the lowest index. `stc.kernels.definition` is the exact definition.

    Raises ValueError for shapes or types that do not fit, NaN or infinity; BackendError, which is
    also a ValueError, for a backend that is unknown or not available here.
    """
    chosen = choose(backend)
    expected = (codebooks.tokens, codebooks.dimensions)
    if latents.ndim != 3 or latents.shape[1:] != expected or latents.dtype != np.float32:
        raise ValueError(
            f"latents must be float32 [B, {expected[0]}, {expected[1]}] to fit codebooks "
            f"{list(codebooks.codebooks.shape)}, not {latents.dtype} {list(latents.shape)}"
        )
    # The extremes are NaN or infinite if any number is NaN or infinite.
    if latents.size and not (np.isfinite(latents.max()) and np.isfinite(latents.min())):
        raise ValueError("latents hold NaN or infinity")
    if groups is not None:
        groups = _checked_groups(groups, len(latents), codebooks.groups)
    indices, costs = chosen.run(np.ascontiguousarray(latents), codebooks, groups, threads())
    return indices, costs


def _checked_groups(groups: npt.NDArray[np.integer], images: int, number: int) -> Longs:
    """Check that groups are integers [images] from 0 to number - 1; return them as int64."""
    if groups.shape != (images,) or not np.issubdtype(groups.dtype, np.integer):
        raise ValueError(
            f"groups must be integers [{images}], not {groups.dtype} {list(groups.shape)}"
        )
    if images and not 0 <= groups.min() <= groups.max() < number:
        raise ValueError(f"groups must be 0 to {number - 1}")
    return np.ascontiguousarray(groups, np.int64)
