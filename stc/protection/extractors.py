"""Faces -> plain templates, from a recognition model's feature map (by a head) or embedding."""

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

# Templates from the embedding, without a head: cut into groups, or projected onto more groups.
PLAIN: Literal["plain"] = "plain"
SPREAD: Literal["spread"] = "spread"
MAP = "map"  # the packaged head
SPREAD_GROUPS = 49
_PART = 64  # faces per call of a head


@dataclass(frozen=True, eq=False)
class Extractor:
    """Canvas faces -> grouped templates, with one recognition model.

    head: a `Head` computes the template from the model's last feature map. `plain` cuts the
    embedding into groups of 16 dimensions; `spread` projects it onto 49 groups of 16 by a fixed
    tight frame, so that more information is left after dimensions are dropped. Both weight a group
    by its energy. All three use the face and its mirror image.
    mean [D]: mean embedding over many faces, subtracted from embeddings; None for no subtraction.
    """

    recogniser: Recogniser
    head: Head | Literal["plain", "spread"]
    mean: Floats | None = None

    @property
    def key(self) -> str:
        """Identifies model, head and mean: extractors with different templates differ in it."""
        if isinstance(self.head, Head):
            return f"{self.recogniser.key}-{self.head.digest()[:16]}"
        mean = b"" if self.mean is None else self.mean.tobytes()
        return f"{self.recogniser.key}-{self.head}-{hashlib.sha256(mean).hexdigest()[:8]}"

    @property
    def maker(self) -> bytes:
        """Four bytes of the SHA-256 of `key`, for `GroupedTemplate`."""
        return hashlib.sha256(self.key.encode()).digest()[:MAKER]

    def template(self, face: npt.NDArray[np.uint8]) -> GroupedTemplate:
        """The template of one face, uint8 [128, 128, 3]."""
        features, weights = self.extract(face[None])
        return GroupedTemplate(features[0], weights[0], self.maker)

    def extract(self, faces: Faces) -> tuple[Floats, Floats]:
        """Faces uint8 [N, 128, 128, 3] -> features [N, m, c] and weights [N, m]."""
        return self.from_views(view(self.recogniser, faces, maps=isinstance(self.head, Head)))

    def from_views(self, views: Views) -> tuple[Floats, Floats]:
        """Features [N, m, c] and weights [N, m] from precomputed embeddings and feature maps.

        Raises TemplateError if the head is for feature maps of another shape, or if an embedding
        is zero.
        """
        if isinstance(self.head, Head):
            return _by_head(self.head, views)
        embeddings = unit(views.embeddings)
        if self.mean is not None:
            embeddings = embeddings - self.mean
        return cut(embeddings) if self.head == PLAIN else spread(embeddings)


def open_extractor(text: str, head: str | None = None) -> Extractor:
    """The extractor for a recognition model (`dlib` or NAME=FILE.onnx) and a head.

    head: `spread` (the default), `plain`, `map` (the packaged head) or the path of a head's file.
    If the package has a head for the model, `spread` and `plain` subtract the mean embedding that
    the head's file holds.
    Raises StcError if the model cannot be opened, MissingExtraError if a dependency is missing,
    ModelMissingError if there is no such head, WrongModelError if the head is damaged or was made
    for another model.
    """
    recogniser = open_recogniser(text)
    shipped = shipped_head(recogniser.key)
    if head in (None, PLAIN, SPREAD):
        mean = None if shipped is None else load_mean(shipped)
        return Extractor(recogniser, PLAIN if head == PLAIN else SPREAD, mean)
    path = shipped if head == MAP else Path(str(head))
    if path is None:
        raise ModelMissingError(
            f"there is no head for {text}: make one with stc protect fit ({install_hint('lab')})"
        )
    return Extractor(recogniser, load_head(path, recogniser.key))


def cut(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] -> features [N, ceil(D/16), 16] and weights [N, ceil(D/16)].

    The last group is padded with zeros. A weight is the group's share of the squared length, so
    that the score of two plain templates approximates the cosine of their embeddings.
    """
    count, size = embeddings.shape
    padded = np.pad(unit(embeddings), ((0, 0), (0, -size % SIZE)))
    return _weighted(padded.reshape(count, -1, SIZE))


def spread(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] -> features [N, 49, 16] and weights [N, 49], which are defined as in `cut`.

    The groups are projections by a fixed tight frame (`stc.protection.rotation.frame`).
    """
    projections = frame(SPREAD_GROUPS, SIZE, embeddings.shape[1])
    return _weighted(np.einsum("nd,gcd->ngc", unit(embeddings), projections, optimize=True))


def _weighted(features: Floats) -> tuple[Floats, Floats]:
    """Features, and weights that are the groups' shares of the squared length.

    Raises TemplateError if all features of a face are zero: then they have no direction.
    """
    energy = np.square(features).sum(2)
    total = energy.sum(1, keepdims=True)
    if not total.all():
        raise TemplateError("the recogniser's embedding of a face is zero: use another recogniser")
    return np.asarray(features, np.float32), np.asarray(energy / total, np.float32)


def _by_head(head: Head, views: Views) -> tuple[Floats, Floats]:
    """Features and weights of N faces, computed in parts to bound the memory."""
    if views.maps.shape[2:] != head.shape:
        raise TemplateError(
            f"the feature map has shape {views.maps.shape[2:]}, the head needs {head.shape}"
        )
    parts = []
    for start in range(0, len(views.maps), _PART):
        both = views.maps[start : start + _PART].astype(np.float32)
        parts.append(head(both[:, 0], both[:, 1]))
    return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])
