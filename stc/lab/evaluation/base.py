"""The interface of the codecs that are compared, at given limits of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]


@dataclass(frozen=True)
class Coded:
    """One encoded face."""

    data: bytes  # the complete file, as `FaceCodec.decode` needs it
    size: int  # bytes that are counted: less than len(data) if headers do not count
    failed: bool = False  # no setting fits the limit, and this is the smallest file found
    quality: float = float("nan")  # the codec's own estimate of quality; NaN if it has none


class FaceCodec(Protocol):
    """A codec that encodes canvases into a limited number of bytes."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of this codec's rows in the results, one for each variant."""
        ...

    @property
    def key(self) -> str:
        """A cache key; it changes whenever the codec could encode the same faces differently."""
        ...

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """Encode faces uint8 [N, 128, 128, 3] -> by variant, for every limit, N encoded faces."""
        ...

    def decode(self, files: Sequence[bytes]) -> Faces:
        """Decode N files -> uint8 [N, 128, 128, 3]."""
        ...
