"""STC itself as one of the codecs that are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

import stc
from stc.bitstream import has_header
from stc.codec.codec import Codec
from stc.lab.evaluation.base import Coded, Faces
from stc.native.choice import choose
from stc.settings import DEFAULT_EFFORT


class StcCodec:
    """STC with its header and checksum; if `bare`, also a second variant without them.

    effort: as in `stc.Settings`. name: the name of its rows in the results.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        bare: bool = False,
        effort: int = DEFAULT_EFFORT,
        name: str = "stc",
    ) -> None:
        self.codec, self.effort = Codec(model), effort
        self.variants = (name, f"{name} bare") if bare else (name,)
        # Files depend on the encoder's search as well as on the weights, so the key has a digest
        # of the code.
        self.key = f"stc-{self.codec.model.identity}-{code_digest()}-{effort}"

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """As `FaceCodec.encode`. Raises BudgetError if a face does not fit a limit."""
        return {
            variant: [self._row(faces, limit, variant.endswith(" bare")) for limit in limits]
            for variant in self.variants
        }

    def _row(self, faces: Faces, limit: int, bare: bool) -> list[Coded]:
        coded = self.codec.encode_batch(faces, max_bytes=limit, bare=bare, effort=self.effort)
        done = [one.unwrap() for one in coded]
        return [Coded(one.data, len(one.data), quality=one.quality) for one in done]

    def decode(self, files: Sequence[bytes]) -> Faces:
        """As `FaceCodec.decode`; either all files have a header, or none."""
        return self.codec.decode_batch(files, bare=not has_header(files[0]))


@lru_cache(maxsize=1)
def code_digest() -> str:
    """A digest of the codec's source code, so that a change of it invalidates cached results."""
    root = Path(stc.__file__).parent
    digest = hashlib.sha256(f"{np.__version__} {choose()}".encode())
    for folder in ("bitstream", "codec", "kernels", "native"):
        for ending in ("py", "cpp", "h", "onnx"):
            for path in sorted((root / folder).rglob(f"*.{ending}")):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
