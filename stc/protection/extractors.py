"""Faces -> plain templates: any recogniser, by its last map through a head, or by its embedding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from stc.errors import ModelMissingError, TemplateError
from stc.lab.training.head import Looks
from stc.protection.heads import Head, load_head, load_middle, shipped_head
from stc.protection.rotation import frame
from stc.protection.template import MAKER, Floats, GroupedTemplate, unit
from stc.recognition.base import Recogniser, open_recogniser

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3] on the canvas

SIZE = 16  # dimensions of a group
# In place of a head: the embedding, cut, or spread over more groups than it fills.
PLAIN: Literal["plain"] = "plain"
SPREAD: Literal["spread"] = "spread"
MAP = "map"  # the head that ships
SPREAD_GROUPS = 49
_PART = 64  # faces at a time


@dataclass(frozen=True, eq=False)
class Extractor:
    """Faces on the canvas -> grouped templates, of one recogniser.

    head: from its last map, or what to do with its embedding instead: `plain` cuts it into groups
    of 16, `spread` projects it onto 49 groups of 16 by a fixed tight frame, so that more is left
    when dimensions are dropped. Groups of an embedding count by their energy. All see the face and
    its mirror image. middle [D]: what the embeddings of all faces have in common, taken out first.
    """

    recogniser: Recogniser
    head: Head | Literal["plain", "spread"]
    middle: Floats | None = None

    @property
    def key(self) -> str:
        """Changes when templates would be others."""
        if isinstance(self.head, str):
            middle = b"" if self.middle is None else self.middle.tobytes()
            return f"{self.recogniser.key}-{self.head}-{hashlib.sha256(middle).hexdigest()[:8]}"
        digest = hashlib.sha256()
        for name, value in sorted(self.head.state_dict().items()):
            digest.update(name.encode() + value.numpy().tobytes())
        return f"{self.recogniser.key}-{digest.hexdigest()[:16]}"

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
        return self.from_looks(look_twice(self.recogniser, faces, maps=isinstance(self.head, Head)))

    @torch.inference_mode()
    def from_looks(self, looks: Looks) -> tuple[Floats, Floats]:
        """The same from what the recogniser said of the faces already."""
        if isinstance(self.head, str):
            told = unit(looks.embeddings)
            if self.middle is not None:
                told = told - self.middle
            return cut(told) if self.head == PLAIN else spread(told)
        if looks.maps.shape[2:] != self.head.shape:
            raise TemplateError(
                f"the map is {looks.maps.shape[2:]}, the head wants {self.head.shape}"
            )
        features, weights = [], []
        for start in range(0, len(looks.maps), _PART):
            both = torch.from_numpy(looks.maps[start : start + _PART].astype(np.float32))
            made = self.head(both[:, 0], both[:, 1])
            features.append(made[0])
            weights.append(made[1])
        return torch.cat(features).numpy(), torch.cat(weights).numpy()


def open_extractor(text: str, head: str | None = None) -> Extractor:
    """dlib, or NAME=FILE.onnx, with `spread` (None means that), `plain`, `map` (the head that
    ships), or the file of a head. Raises StcError; ModelMissingError if no head is there.

    A recogniser for which a head ships has the mean of its embeddings from it.
    """
    recogniser = open_recogniser(text)
    shipped = shipped_head(recogniser.key)
    if head in (None, PLAIN, SPREAD):
        middle = None if shipped is None else load_middle(shipped)
        return Extractor(recogniser, PLAIN if head == PLAIN else SPREAD, middle)
    path = shipped if head == MAP else Path(str(head))
    if path is None:
        raise ModelMissingError(f"no head ships for {text}: make one with stc protect fit")
    return Extractor(recogniser, load_head(path, recogniser.key))


def look_twice(recogniser: Recogniser, faces: Faces, *, maps: bool = True) -> Looks:
    """What the recogniser says of faces and of their mirror images, put together."""
    told, seen = [], []
    for start in range(0, len(faces), _PART):
        some = np.ascontiguousarray(faces[start : start + _PART])
        mirrored = np.ascontiguousarray(some[:, :, ::-1])
        if maps:
            (one, map_one), (two, map_two) = recogniser.look(some), recogniser.look(mirrored)
            seen.append(np.stack([map_one, map_two], 1).astype(np.float16))
        else:
            one, two = recogniser.embed(some), recogniser.embed(mirrored)
            seen.append(np.zeros((len(some), 2, 0, 1, 1), np.float16))
        told.append(unit(one) + unit(two))
    return Looks(np.concatenate(told), np.concatenate(seen))


def cut(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] as features [N, D/16, 16], the last group filled up with zeros, and
    weights: each group's share of the squared length, so that the plain score is near the cosine.
    """
    count, size = embeddings.shape
    padded = np.pad(unit(embeddings), ((0, 0), (0, -size % SIZE)))
    return _weighted(padded.reshape(count, -1, SIZE))


def spread(embeddings: Floats) -> tuple[Floats, Floats]:
    """Embeddings [N, D] as features [N, 49, 16] and weights, in the same sense."""
    projections = frame(SPREAD_GROUPS, SIZE, embeddings.shape[1])
    return _weighted(np.einsum("nd,gcd->ngc", unit(embeddings), projections, optimize=True))


def _weighted(features: Floats) -> tuple[Floats, Floats]:
    energy = np.square(features).sum(2)
    return np.asarray(features, np.float32), np.asarray(
        energy / energy.sum(1, keepdims=True), np.float32
    )
