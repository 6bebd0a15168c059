"""Recognition models in ONNX files, run by ONNX Runtime.

The model's input is ArcFace's unless FILE.toml beside FILE.onnx describes it. Needs only numpy and
ONNX Runtime.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stc.errors import DataError, StcError
from stc.recognition import onnx_graph
from stc.recognition.base import BATCH, CROP, Embeddings, Faces, Maps
from stc.recognition.resizing import resize
from stc.threads import threads

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Description:
    """The input of a recognition model; the defaults are those of ArcFace's networks.

    The input is (pixel - mean) / scale, of the ArcFace crop or of the whole canvas.
    """

    channels: Literal["rgb", "bgr"] = "rgb"
    mean: float = 127.5
    scale: float = 128.0
    crop: Literal["arcface", "canvas"] = "arcface"
    size: int = 112  # side in pixels, used if the ONNX file does not state it
    note: str = ""  # for the report, such as "used in training"
    # The name of the tensor that is the last feature map; if empty, the last tensor [N, C, H, W]
    # with more than one cell.
    map: str = ""

    @classmethod
    def beside(cls, path: Path) -> Description:
        """The description in FILE.toml beside FILE.onnx, or the defaults if there is no such file.

        Raises DataError for TOML that cannot be parsed, an unknown key, or a value of channels or
        crop that does not exist.
        """
        file = path.with_suffix(".toml")
        try:
            values = tomllib.loads(file.read_text()) if file.exists() else {}
            if unknown := values.keys() - {one.name for one in fields(cls)}:
                raise ValueError(f"no key {min(unknown)}")
            description = cls(**values)
            if description.channels not in ("rgb", "bgr"):
                raise ValueError(f"channels are rgb or bgr, not {description.channels}")
            if description.crop not in ("arcface", "canvas"):
                raise ValueError(f"crop is arcface or canvas, not {description.crop}")
        except ValueError as error:  # tomllib's TOMLDecodeError is one
            raise DataError(f"{file}: {error}") from error
        return description


class Onnx:
    """A recognition model in an ONNX file with one input and one output, run by ONNX Runtime.

    path: the file; `Description.beside` it describes the input. Embeddings are scaled to length 1.
    Raises StcError if the file is missing or cannot be run, DataError for a wrong description.
    """

    def __init__(self, name: str, path: Path) -> None:
        if not path.is_file():
            raise StcError(f"recogniser {name}: there is no file {path}")
        self._path = path
        self.name, self.description = name, Description.beside(path)
        self.note = self.description.note
        described = repr(replace(self.description, note="")).encode()
        digest = hashlib.sha256(path.read_bytes() + described)
        self.key = f"onnx-{digest.hexdigest()[:16]}"
        try:
            self._session = _session(str(path))
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise StcError(f"recogniser {name}: {path} cannot be run: {error}") from error
        self._with_maps: Any = None  # the session that also outputs the map, opened on first use
        first = self._session.get_inputs()[0]
        batch, *shape = first.shape
        self._input = first.name
        self._fixed = batch if isinstance(batch, int) and batch > 0 else None
        self._batch = self._fixed or BATCH
        self._channels_last = len(shape) == 3 and shape[-1] == 3
        side = shape[0] if self._channels_last else shape[-1]
        self._size = side if isinstance(side, int) and side > 0 else self.description.size

    def embed(self, faces: Faces) -> Embeddings:
        embeddings: Embeddings = self._run(self._session, faces)[0]
        return embeddings

    def embed_with_maps(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """Embeddings [N, D], and the feature map [N, C, H, W] that the description names, or the
        last tensor [N, C, H, W] with more than one cell. Raises StcError if there is none."""
        if self._with_maps is None:
            self._with_maps = _session_with_map(self._path, self.description.map)
        embeddings, *others = self._run(self._with_maps, faces)
        return embeddings, others[-1]

    def _run(self, session: Any, faces: Faces) -> list[Any]:
        """All outputs of the session for N faces; the first, the embeddings, with length one."""
        starts = range(0, len(faces), self._batch)
        parts = [self._run_batch(session, faces[i : i + self._batch]) for i in starts]
        first, *others = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        flat = first.reshape(len(faces), -1)
        unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        return [unit.astype(np.float32), *others]

    def _run_batch(self, session: Any, faces: Faces) -> list[Any]:
        count = len(faces)
        if self._fixed is not None and count < self._fixed:
            faces = np.pad(faces, ((0, self._fixed - count), (0, 0), (0, 0), (0, 0)), mode="edge")
        given = session.run(None, {self._input: self._pixels(faces)})
        return [one[:count] for one in given]

    def _pixels(self, faces: Faces) -> npt.NDArray[np.float32]:
        """The network's input, [N, 3, size, size], or [N, size, size, 3] if that is its shape."""
        description = self.description
        if description.crop == "arcface":
            faces = faces[:, CROP, CROP]
        pixels = resize(faces, self._size)
        if description.channels == "bgr":
            pixels = pixels[:, ::-1]
        values = (pixels - np.float32(description.mean)) / np.float32(description.scale)
        return np.ascontiguousarray(
            values.transpose(0, 2, 3, 1) if self._channels_last else values, np.float32
        )


def _session(model: str | bytes, folder: Path | None = None, *, plain: bool = False) -> Any:
    """An ONNX Runtime session of a file, or of a model's bytes.

    folder: where the external weights of a model in bytes are. plain: without graph optimisation,
    which opens faster and keeps every tensor.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3  # errors only
    if plain:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if folder is not None:
        entry = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(entry, str(folder))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _session_with_map(path: Path, name: str) -> Any:
    """A session whose additional last output is the feature map. Raises StcError."""
    model, folder = path.read_bytes(), path.absolute().parent
    try:
        computed, own = onnx_graph.tensors(model), onnx_graph.outputs(model)
    except ValueError as error:
        raise StcError(f"{path} is not an ONNX file: {error}") from error
    hint = f"name the tensor as map in {path.stem}.toml"
    try:
        if not name:
            name = _last_map(model, folder, [one for one in computed if one not in own])
        if name in computed and name not in own:
            return _session(onnx_graph.with_outputs(model, [name]), folder)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise StcError(
            f"{path} does not run with its feature map as an output, {hint}: {error}"
        ) from error
    raise StcError(f"{path} has no feature map called {name!r}: {hint}")


def _last_map(model: bytes, folder: Path, names: list[str]) -> str:
    """The name of the last tensor [N, C, H, W] with more than one cell; "" if there is none."""
    session = _session(onnx_graph.with_outputs(model, names), folder, plain=True)
    sides = {one.name: one.shape for one in session.get_outputs()}
    maps = [
        name
        for name in names
        if len(sides[name]) == 4 and all(isinstance(s, int) and s > 1 for s in sides[name][2:])
    ]
    return maps[-1] if maps else ""
