"""Recognisers that judge a codec: canvas faces -> unit embeddings."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Embeddings = npt.NDArray[np.float32]  # [N, D]


class Judge(Protocol):
    """Anything that embeds faces."""

    name: str

    def embed(self, faces: Faces) -> Embeddings:
        """uint8 [N, 128, 128, 3] on the canvas -> [N, D]."""
        ...


class Dlib:
    """dlib's ResNet, 128-d; it took no part in training.

    Its own five-point predictor cuts the 150 px chip, started from the box that dlib's detector
    finds on the canvas (median over faces), so that a failed detection cannot hide a bad face.
    """

    name = "dlib"
    BOX = (20, 34, 106, 120)  # left, top, right, bottom

    def __init__(self) -> None:
        import dlib

        # Files only: importing the package needs pkg_resources, which setuptools has dropped.
        package = distribution("face_recognition_models")
        folder = Path(str(package.locate_file("face_recognition_models/models")))
        self._dlib = dlib
        self._predictor = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(
            str(folder / "dlib_face_recognition_resnet_model_v1.dat")
        )

    def embed(self, faces: Faces) -> Embeddings:
        box, chips = self._dlib.rectangle(*self.BOX), []
        for face in faces:
            shape = self._predictor(face, box)
            chips.append(self._dlib.get_face_chip(face, shape, size=150, padding=0.25))
        return np.asarray(self._network.compute_face_descriptor(chips), np.float32)


class Onnx:
    """An ArcFace-style recogniser from an ONNX file, run by the training package's loader."""

    def __init__(self, name: str, path: Path) -> None:
        from stc.training.networks import Recogniser

        self.name, self._network = name, Recogniser(path)

    def embed(self, faces: Faces) -> Embeddings:
        import torch

        rgb = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            parts = [self._network(part) for part in rgb.split(64)]
        return torch.cat(parts).numpy()
