"""What is compared: codecs of canvases at a limit of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]


@dataclass(frozen=True)
class Coded:
    """One face, coded."""

    data: bytes  # complete, to decode it from
    size: int  # bytes that count: fewer than those of data, where headers are left out
    failed: bool = False  # no setting fits the limit, and this is the smallest there is
    quality: float = float("nan")  # what the codec itself says of it, if it says anything


class FaceCodec(Protocol):
    """Anything that turns canvases into a limited number of bytes."""

    @property
    def variants(self) -> tuple[str, ...]:
        """What its rows in the results are called."""
        ...

    @property
    def key(self) -> str:
        """Changes when the same faces would be coded otherwise."""
        ...

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """uint8 [N, 128, 128, 3] -> for every variant and limit, N coded faces."""
        ...

    def decode(self, files: Sequence[bytes]) -> Faces:
        """N files -> uint8 [N, 128, 128, 3]."""
        ...
