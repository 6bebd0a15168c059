from typing import Any

import numpy.typing as npt

lanes: int

def search(
    latents: npt.NDArray[Any],
    columns: npt.NDArray[Any],
    bias: npt.NDArray[Any],
    codebooks: npt.NDArray[Any],
    penalty: npt.NDArray[Any] | None,
    centre: npt.NDArray[Any],
    rows: npt.NDArray[Any],
    slots: npt.NDArray[Any],
    offsets: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    costs: npt.NDArray[Any],
    threads: int,
) -> None: ...
