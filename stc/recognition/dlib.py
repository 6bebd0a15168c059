"""dlib's recognition model with its alignment: canvas faces -> chips -> embeddings.

Needs the extra `protection`.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from stc.errors import MissingExtraError, WrongModelError
from stc.install_hint import install_hint
from stc.recognition.base import BATCH, Embeddings, Faces, Maps


class Dlib:
    """dlib's ResNet with embeddings of 128 numbers; it took no part in training STC.

    dlib's five-point landmark predictor aligns the chip of 150 px. It starts from a fixed box, the
    median of what dlib's detector finds on canvases, so no face is left out because the detector
    failed on it. torch runs the network (`dlib_network`); the results equal dlib's to within
    rounding.
    Raises MissingExtraError if torch, dlib-bin or face_recognition_models is not installed,
    WrongModelError if one of its files is damaged, OSError if one cannot be read.
    """

    name = "dlib"
    key = "dlib-resnet-v1"
    note = "took no part in training"
    BOX = (20, 34, 106, 120)  # left, top, right, bottom

    def __init__(self) -> None:
        try:
            import dlib

            # Only its files are needed: importing the package would need pkg_resources, which
            # setuptools has dropped.
            package = distribution("face_recognition_models")
            # Imported here because only the extra installs torch.
            from stc.recognition.dlib_network import DlibNetwork
        except (ImportError, PackageNotFoundError) as missing:
            raise MissingExtraError(
                f"the recogniser dlib needs {missing.name or missing}: "
                f"{install_hint('protection')}, or name another recogniser as NAME=FILE.onnx"
            ) from missing
        folder = Path(str(package.locate_file("face_recognition_models/models")))
        self._dlib = dlib
        landmarks = folder / "shape_predictor_5_face_landmarks.dat"
        try:
            self._predictor = dlib.shape_predictor(str(landmarks))
        except RuntimeError as error:
            raise WrongModelError(
                f"{landmarks} is not dlib's landmark predictor: {error}"
            ) from error
        self._network = DlibNetwork(folder / "dlib_face_recognition_resnet_model_v1.dat")

    def chips(self, faces: Faces) -> Faces:
        """Canvases uint8 [N, 128, 128, 3] -> the network's input, uint8 [N, 150, 150, 3]."""
        box, chips = self._dlib.rectangle(*self.BOX), []
        # dlib raises TypeError for arrays that are not contiguous.
        for face in map(np.ascontiguousarray, faces):
            shape = self._predictor(face, box)
            chips.append(self._dlib.get_face_chip(face, shape, size=150, padding=0.25))
        return np.stack(chips)

    def embed(self, faces: Faces) -> Embeddings:
        return self.embed_with_maps(faces)[0]

    def embed_with_maps(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """Embeddings [N, 128], and the feature map before the last block, [N, 256, 4, 4]."""
        parts = [
            self._network.run(self.chips(faces[start : start + BATCH]))
            for start in range(0, len(faces), BATCH)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])
