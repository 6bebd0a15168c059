"""What one recogniser gives of the faces that are measured, and of those an attacker has."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from stc.lab.evaluation.pictures import Faces
from stc.lab.evaluation.verification import Pairs
from stc.protection.extractors import Extractor
from stc.protection.template import Floats, unit
from stc.protection.views import Views, view
from stc.recognition.base import Recogniser

_log = logging.getLogger(__name__)

_PART = 256  # faces at a time, after which what was seen is kept


@dataclass(frozen=True, eq=False)
class Templates:
    """Of N faces: features [N, m, c] with unit rows, weights [N, m], embeddings [N, D], unit."""

    features: Floats
    weights: Floats
    embeddings: Floats

    def take(self, rows: npt.NDArray[np.int64]) -> Templates:
        return Templates(self.features[rows], self.weights[rows], self.embeddings[rows])

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Subject:
    """A recogniser under test: the faces of the protocol, its pairs, and an attacker's own faces.

    The rows of `faces` are those of `pairs.names`; nobody in `others` is among them.
    """

    name: str
    note: str
    faces: Templates
    pairs: Pairs
    others: Templates


def views_of(recogniser: Recogniser, faces: Faces, folder: Path) -> Views:
    """What the recogniser gives of the faces, from the folder where it was kept if it was."""
    digest = hashlib.sha256(recogniser.key.encode() + b"\0" + np.ascontiguousarray(faces).tobytes())
    file = folder / f"views-{digest.hexdigest()[:24]}.safetensors"
    if not file.is_file():
        parts: list[Views] = []
        for start in range(0, len(faces), _PART):
            parts.append(view(recogniser, faces[start : start + _PART]))
            _log.info(
                "%s: %d of %d faces", recogniser.name, start + len(parts[-1].maps), len(faces)
            )
        views = Views(
            *(np.concatenate(arrays) for arrays in zip(*map(_arrays, parts), strict=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        save_file({"embeddings": views.embeddings, "maps": views.maps}, partial)
        partial.replace(file)
    kept = load_file(file)
    return Views(kept["embeddings"], kept["maps"])


def _arrays(views: Views) -> Iterable[npt.NDArray[np.floating]]:
    return views.embeddings, views.maps


def templates_of(extractor: Extractor, views: Views, mean: Floats) -> Templates:
    """Templates by the extractor, and the embeddings less `mean` [D], of other people's.

    With that mean in it, the average face alone passes for some faces, and no attack is needed.
    """
    features, weights = extractor.from_views(views)
    return Templates(unit(features), weights, unit(unit(views.embeddings) - mean))
