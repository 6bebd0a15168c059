"""Faces -> plain templates: any recogniser, by its feature map through a head, or its embedding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from stc.errors import ModelMissingError, TemplateError
from stc.install_hint import install_hint
from stc.protection.head_file import load_head, load_mean, shipped_head
from stc.protection.heads import SIZE, Head
from stc.protection.rotation import frame
from stc.protection.template import MAKER, Floats, GroupedTemplate, unit
from stc.protection.views import Views, view
from stc.recognition.base import Faces, Recogniser
from stc.recognition.opening import open_recogniser

# In place of a head: the embedding, cut, or spread over more groups than it fills.
PLAIN: Literal["plain"] = "plain"
SPREAD: Literal["spread"] = "spread"
MAP = "map"  # the head that ships
SPREAD_GROUPS = 49
_PART = 64  # faces at a time


@dataclass(frozen=True, eq=False)
class Extractor:
    """Faces on the canvas -> grouped templates, of one recogniser.

    head: from its last feature map, or what to do with its embedding instead: `plain` cuts it into
    groups of 16, `spread` projects it onto 49 groups of 16 by a fixed tight frame, so that more is
    left when dimensions are dropped. Groups of an embedding count by their energy. All use the face
    and its mirror image. mean [D]: of the embeddings of all faces, which is taken out first.
    """

    recogniser: Recogniser
    head: Head | Literal["plain", "spread"]
    mean: Floats | None = None

    @property
    def key(self) -> str:
        """Changes when templates would be others."""
        if isinstance(self.head, Head):
            return f"{self.recogniser.key}-{self.head.digest()[:16]}"
        mean = b"" if self.mean is None else self.mean.tobytes()
        return f"{self.recogniser.key}-{self.head}-{hashlib.sha256(mean).hexdigest()[:8]}"

    @property
    def maker(self) -> bytes:
        """The key in four bytes, for `GroupedTemplate`."""
        return hashlib.sha256(self.key.encode()).digest()[:MAKER]

    def template(self, face: npt.NDArray[np.uint8]) -> GroupedTemplate:
        """The template of one face, uint8 [128, 128, 3]."""
        features, weights = self.extract(face[None])
        return GroupedTemplate(features[0], weights[0], self.maker)

    def extract(self, faces: Faces) -> tuple[Floats, Floats]:
        """Features [N, m, c] and weights [N, m]."""
        return self.from_views(view(self.recogniser, faces, maps=isinstance(self.head, Head)))

    def from_views(self, views: Views) -> tuple[Floats, Floats]:
        """The same from what the recogniser gave of the faces already.

        Raises TemplateError if the head is for maps of another shape.
        """
        if isinstance(self.head, Head):
            return _by_head(self.head, views)
        embeddings = unit(views.embeddings)
        if self.mean is not None:
            embeddings = embeddings - self.mean
        return cut(embeddings) if self.head == PLAIN else spread(embeddings)


def open_extractor(text: str, head: str | None = None) -> Extractor:
    """The recogniser `dlib` or NAME=FILE.onnx with `spread` (None means that), `plain`, `map` (the
    head that ships), or the file of a head.

    A recogniser for which a head ships has the mean of its embeddings from it. Raises StcError;
    MissingExtraError, ModelMissingError if no head is there.
    """
    recogniser = open_recogniser(text)
    shipped = shipped_head(recogniser.key)
    if head in (None, PLAIN, SPREAD):
        mean = None if shipped is None else load_mean(shipped)
        return Extractor(recogniser, PLAIN if head == PLAIN else SPREAD, mean)
    path = shipped if head == MAP else Path(str(head))
    if path is None:
        raise ModelMissingError(
            f"no head ships for {text}: make one with stc protect fit ({install_hint('lab')})"
        )
    return Extractor(recogniser, load_head(path, recogniser.key))


def cut(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] as features [N, D/16, 16], the last group filled up with zeros, and
    weights: each group's share of the squared length, so that the plain score is near the cosine.
    """
    count, size = embeddings.shape
    padded = np.pad(unit(embeddings), ((0, 0), (0, -size % SIZE)))
    return _weighted(padded.reshape(count, -1, SIZE))


def spread(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] as features [N, 49, 16] and weights, in the same sense as `cut`."""
    projections = frame(SPREAD_GROUPS, SIZE, embeddings.shape[1])
    return _weighted(np.einsum("nd,gcd->ngc", unit(embeddings), projections, optimize=True))


def _weighted(features: Floats) -> tuple[Floats, Floats]:
    energy = np.square(features).sum(2)
    return np.asarray(features, np.float32), np.asarray(
        energy / energy.sum(1, keepdims=True), np.float32
    )


def _by_head(head: Head, views: Views) -> tuple[Floats, Floats]:
    """Features and weights of N faces, a few at a time."""
    if views.maps.shape[2:] != head.shape:
        raise TemplateError(f"the map is {views.maps.shape[2:]}, the head wants {head.shape}")
    parts = []
    for start in range(0, len(views.maps), _PART):
        both = views.maps[start : start + _PART].astype(np.float32)
        parts.append(head(both[:, 0], both[:, 1]))
    return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])
