"""What is compared: STC and its rivals, as codecs of canvases at a limit of bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from stc.bitstream import has_header

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]

# Faces that are decoded at a time.
BATCH = 32


@dataclass(frozen=True)
class Coded:
    """One face, coded."""

    data: bytes  # complete, to decode it from
    size: int  # bytes that count: fewer than those of data, where headers are left out
    failed: bool = False  # no setting fits the limit, and this is the smallest there is


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


class Stc:
    """This package's codec, with its header and checksum and, if `bare`, once more without."""

    def __init__(self, model: str | Path | None = None, bare: bool = False) -> None:
        from stc.codec.codec import Codec

        self.codec = Codec(model)
        self.variants = ("stc", "stc bare") if bare else ("stc",)
        # The codec searches tokens anew for every size, so its code matters beside its weights.
        self.key = f"stc-{self.codec.model.fingerprint}-{_code_digest()}"

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        coded: dict[str, list[list[Coded]]] = {}
        for variant in self.variants:
            coded[variant] = []
            for limit in limits:
                files = self.codec.encode_canvases(
                    faces, max_bytes=limit, bare=variant == "stc bare"
                )
                coded[variant].append([Coded(data, len(data)) for data in files])
        return coded

    def decode(self, files: Sequence[bytes]) -> Faces:
        whole = [has_header(data) for data in files]
        parts = []
        for start in range(0, len(files), BATCH):
            part = slice(start, start + BATCH)
            parts.append(self.codec.decode_canvases(files[part], bare=not all(whole[part])))
        return np.concatenate(parts)

    def qualities(self, faces: Faces, files: Sequence[bytes]) -> npt.NDArray[np.float64]:
        """How much of the identity the codec itself says is kept, [N]; no recogniser is asked."""
        kept = self.codec.qualities(faces, files, bare=not has_header(files[0]))
        return kept.astype(np.float64)


def _code_digest() -> str:
    """A digest of the codec's own source, so that nothing measured outlives a change of it."""
    import stc

    root = Path(stc.__file__).parent
    digest = hashlib.sha256(torch.__version__.encode())
    for folder in ("bitstream", "codec", "kernels"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def open_codec(name: str, model: str | Path | None = None, bare: bool = False) -> FaceCodec:
    """STC, a run as NAME=FOLDER, or the rival of that name.

    Raises StcError if it is unknown or cannot run here.
    """
    if name == "stc":
        return Stc(model, bare)
    if "=" in name:
        from stc.lab.evaluation.trained import Trained

        return Trained(name)
    from stc.lab.evaluation.rivals import open_rival

    return open_rival(name)
