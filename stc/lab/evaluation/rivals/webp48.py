"""The method of ID projects such as idpass/idphoto: a grey WebP of 48 px."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from stc.lab.evaluation.base import Coded, Faces
from stc.lab.evaluation.rivals.search import Pixels, enlarged, save

SIDE = 48


class Webp48:
    """A grey WebP of 48 px at the highest quality that fits the limit. Headers count."""

    name = "webp48"
    variants = (name,)
    key = f"webp48-1-pillow {pillow_version}"

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """As `FaceCodec.encode`."""
        columns = [self._files(face, limits) for face in faces]
        return {self.name: [list(row) for row in zip(*columns, strict=True)]}

    def decode(self, files: Sequence[bytes]) -> Faces:
        """As `FaceCodec.decode`."""
        return np.stack([enlarged(data) for data in files])

    def _files(self, face: Pixels, limits: Sequence[int]) -> list[Coded]:
        """One face at every limit."""
        small = Image.fromarray(face).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        known = [save(small, "WEBP", quality=quality, method=6) for quality in range(0, 101, 2)]
        smallest = min(known, key=len)
        chosen = []
        for limit in limits:
            fitting = [data for data in known if len(data) <= limit]
            data = fitting[-1] if fitting else smallest
            chosen.append(Coded(data, len(data), failed=not fitting))
        return chosen
