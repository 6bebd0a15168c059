"""The templates of one recognition model: of the evaluated faces, and of an attacker's faces."""

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

_PART = 256  # faces at a time


@dataclass(frozen=True, eq=False)
class Templates:
    """The unprotected templates and embeddings of N faces."""

    features: Floats  # [N, m, c], unit vectors along c
    weights: Floats  # [N, m]
    embeddings: Floats  # [N, D], unit vectors

    def take(self, rows: npt.NDArray[np.int64]) -> Templates:
        """The templates of some faces."""
        return Templates(self.features[rows], self.weights[rows], self.embeddings[rows])

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Subject:
    """A recognition model with a head, and its templates."""

    name: str
    note: str
    faces: Templates  # of the protocol, in the order of pairs.names
    pairs: Pairs
    others: Templates  # of other people, which the attacker has


def views_of(recogniser: Recogniser, faces: Faces, folder: Path) -> Views:
    """The embeddings and feature maps of faces [N, 128, 128, 3], cached in `folder`."""
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
    """The templates of the extractor, and the embeddings minus `mean` [D], normalised.

    mean: of other people's embeddings. Without subtracting it, the mean face alone is accepted as
    some of the faces, without any attack.
    """
    features, weights = extractor.from_views(views)
    return Templates(unit(features), weights, unit(unit(views.embeddings) - mean))
