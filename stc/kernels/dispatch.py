"""The public search of numpy arrays: checks what it is given, chooses who computes it."""

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
    """The cheapest codeword of every token: indices int64 and costs float32.

    latents float32 [B, T, D]; groups, integers [B], say which of the codebooks [G, T, K, D] each
    image is searched in, and the results are [B, T]. Without groups they are [B, G, T]: every
    image in every group. The cost of a codeword is its squared distance plus its penalty; ties go
    to the lowest index. `stc.kernels.definition` says it exactly.

    Raises ValueError for shapes or types that do not fit, NaN or infinity; BackendError, which is
    one too, for a backend that cannot serve.
    """
    chosen = choose(backend)
    expected = (codebooks.tokens, codebooks.dimensions)
    if latents.ndim != 3 or latents.shape[1:] != expected or latents.dtype != np.float32:
        raise ValueError(
            f"latents must be float32 [B, {expected[0]}, {expected[1]}] to fit codebooks "
            f"{list(codebooks.codebooks.shape)}, not {latents.dtype} {list(latents.shape)}"
        )
    # The extremes are NaN or infinite if any number is.
    if latents.size and not (np.isfinite(latents.max()) and np.isfinite(latents.min())):
        raise ValueError("latents hold NaN or infinity")
    if groups is not None:
        groups = _checked_groups(groups, len(latents), codebooks.groups)
    indices, costs = chosen.run(np.ascontiguousarray(latents), codebooks, groups, threads())
    return indices, costs


def _checked_groups(groups: npt.NDArray[np.integer], images: int, number: int) -> Longs:
    """int64 [B] in 0 .. number - 1."""
    if groups.shape != (images,) or not np.issubdtype(groups.dtype, np.integer):
        raise ValueError(
            f"groups must be integers [{images}], not {groups.dtype} {list(groups.shape)}"
        )
    if images and not 0 <= groups.min() <= groups.max() < number:
        raise ValueError(f"groups must be 0 to {number - 1}")
    return np.ascontiguousarray(groups, np.int64)
