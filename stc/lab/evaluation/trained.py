"""A tokenizer that `stc train` or the ablation trained, as one of the codecs that are compared.

It compares arrangements of codebooks at equal training, such as a global codebook and
token-specific ones. Indices are stored without entropy coding, T log2 K + log2 G bits, so the size
is fixed; at smaller limits all faces count as failed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stc.errors import DataError
from stc.lab.evaluation.base import Coded, Faces
from stc.lab.training.config import TokenizerRun, parse
from stc.lab.training.stages import load_system

BATCH = 32  # faces at a time


class Trained:
    """The codec of a finished training run.

    text: NAME=RUN, or NAME=RUN,BASE if RUN uses the base tokenizer of the run BASE; RUN and BASE
    are folders, and NAME is the name of its rows in the results. Raises DataError if RUN is not
    the run of a tokenizer, StcError if it is not finished.
    """

    def __init__(self, text: str) -> None:
        name, _, places = text.partition("=")
        folders = [Path(place) for place in places.split(",")]
        config = read_config(folders[0])
        self.variants = (name,)
        self._system = load_system(config, folders[0], *folders[1:])
        self._tokens = self._system.tokenizer.tokens
        self._codewords = config.arrangement.codewords
        self._groups = config.arrangement.groups
        self.size = config.arrangement.bytes(self._tokens)
        digest = hashlib.sha256()
        for folder in folders:
            for path in sorted(folder.glob("*.pt")):
                digest.update(path.read_bytes())
        self.key = f"trained-{digest.hexdigest()[:16]}"

    def encode(self, faces: Faces, limits: Sequence[int]) -> dict[str, list[list[Coded]]]:
        """As `FaceCodec.encode`; the files are the same for every limit."""
        files: list[bytes] = []
        for start in range(0, len(faces), BATCH):
            part = np.ascontiguousarray(faces[start : start + BATCH])
            rgb = torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255
            groups, indices = self._system.encode(rgb)
            rows = zip(groups.tolist(), indices.tolist(), strict=True)
            files += [self._packed(group, own) for group, own in rows]
        return {
            self.variants[0]: [
                [Coded(data, self.size, failed=self.size > limit) for data in files]
                for limit in limits
            ]
        }

    def decode(self, files: Sequence[bytes]) -> Faces:
        """As `FaceCodec.decode`."""
        parts: list[npt.NDArray[np.uint8]] = []
        for start in range(0, len(files), BATCH):
            rows = [self._unpacked(data) for data in files[start : start + BATCH]]
            groups = torch.tensor([group for group, _ in rows])
            indices = torch.tensor([own for _, own in rows])
            rgb = self._system.decode(groups, indices).permute(0, 2, 3, 1)
            parts.append((rgb * 255).round().byte().contiguous().numpy())
        return np.concatenate(parts)

    def _packed(self, group: int, indices: Sequence[int]) -> bytes:
        """The group and all indices as the digits of one big-endian integer in mixed radix."""
        number = group
        for index in indices:
            number = number * self._codewords + index
        return number.to_bytes(self.size, "big")

    def _unpacked(self, data: bytes) -> tuple[int, list[int]]:
        number, indices = int.from_bytes(data, "big"), []
        for _ in range(self._tokens):
            number, index = divmod(number, self._codewords)
            indices.append(index)
        return number, indices[::-1]


def read_config(folder: Path) -> TokenizerRun:
    """The configuration stored in a run's folder.

    Raises DataError if there is none, or the run does not train a tokenizer.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise DataError(f"{folder} is not the folder of a run: it has no config.json")
    config = parse(_without_none(json.loads(path.read_text(encoding="utf-8"))), str(path))
    if not isinstance(config, TokenizerRun):
        raise DataError(f"{folder}: export a run of family levels, and give its model as --model")
    return config


def _without_none(values: Any) -> Any:
    """Remove keys whose value is null: configurations leave out options that are None."""
    if not isinstance(values, dict):
        return values
    return {key: _without_none(value) for key, value in values.items() if value is not None}
