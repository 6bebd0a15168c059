"""Recognition models in ONNX files, run by ONNX Runtime.

The model's input is ArcFace's unless FILE.toml beside FILE.onnx describes it. Needs only numpy and
ONNX Runtime.
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

from stc.errors import DataError, ModelError, ModelMissingError
from stc.recognition import onnx_graph
from stc.recognition.base import BATCH, CROP, Embeddings, Faces, Maps
from stc.recognition.resizing import resize
from stc.threads import threads

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# ONNX Runtime's names of the types that an embedding or a feature map may have.
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
_MAX_INPUT = 1 << 28  # numbers in the input of one call, 1 GiB
_MAX_EMBEDDING = 1 << 13  # numbers in an embedding; those of known models have up to 2,048


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

        Raises DataError for TOML that cannot be parsed, an unknown key, or a value of another type
        or out of range.
        """
        file = path.with_suffix(".toml")
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            if unknown := values.keys() - {one.name for one in fields(cls)}:
                raise ValueError(f"no key {min(unknown)}")
            description = cls(**values)
            if description.channels not in ("rgb", "bgr"):
                raise ValueError(f"channels are rgb or bgr, not {description.channels}")
            if description.crop not in ("arcface", "canvas"):
                raise ValueError(f"crop is arcface or canvas, not {description.crop}")
            if not _is_number(description.mean):
                raise ValueError(f"mean is a number, not {description.mean!r}")
            if not _is_number(description.scale) or not description.scale:
                raise ValueError(f"scale is a number other than 0, not {description.scale!r}")
            if type(description.size) is not int or description.size < 1:
                raise ValueError(f"size is an integer of at least 1, not {description.size!r}")
            for key in ("note", "map"):
                if not isinstance(getattr(description, key), str):
                    raise ValueError(f"{key} is text, not {getattr(description, key)!r}")
        except ValueError as error:  # tomllib's TOMLDecodeError is one
            raise DataError(f"{file}: {error}") from error
        return description


class Onnx:
    """A recognition model in an ONNX file, run by ONNX Runtime.

    path: the file; `Description.beside` it describes the input. The model has one input, N pictures
    of three channels, and its first output is the embedding. Embeddings are scaled to length 1.

    Raises ModelMissingError if there is no such file, ModelError if it cannot be run or is not a
    recognition model, DataError for a wrong description. The methods raise ModelError if ONNX
    Runtime fails, or if the outputs do not have the shapes of embeddings and feature maps.
    """

    def __init__(self, name: str, path: Path) -> None:
        if not path.is_file():
            raise ModelMissingError(f"recogniser {name}: there is no file {path}")
        self._path = path
        self.name, self.description = name, Description.beside(path)
        self.note = self.description.note
        described = repr(replace(self.description, note="")).encode()
        digest = hashlib.sha256(path.read_bytes() + described)
        self.key = f"onnx-{digest.hexdigest()[:16]}"
        try:
            self._session = _session(str(path))
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise ModelError(
                f"recogniser {name}: {path} cannot be run: {_on_one_line(error)}"
            ) from error
        self._with_maps: Any = None  # the session that also outputs the map, opened on first use
        self._input, (batch, *shape) = self._checked_input()
        self._embedding = self._checked_output()
        self._fixed = batch if isinstance(batch, int) and batch > 0 else None
        self._batch = self._fixed or BATCH
        self._channels_last = shape[-1] == 3
        side = shape[0] if self._channels_last else shape[-1]
        self._size = side if isinstance(side, int) and side > 0 else self.description.size
        if 3 * self._batch * self._size**2 > _MAX_INPUT:
            self._refuse(
                f"its input of {self._batch} x 3 x {self._size} x {self._size} is too large"
            )

    def embed(self, faces: Faces) -> Embeddings:
        embeddings: Embeddings = self._run(self._session, [self._embedding], faces)[0]
        return embeddings

    def embed_with_maps(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """Embeddings [N, D], and the feature map [N, C, H, W] that the description names, or the
        last tensor [N, C, H, W] with more than one cell. Raises ModelError if there is none."""
        if self._with_maps is None:
            self._with_maps = _session_with_map(self._path, self.description.map)
        last = self._with_maps.get_outputs()[-1].name
        embeddings, maps = self._run(self._with_maps, [self._embedding, last], faces)
        if maps.ndim != 4 or maps.dtype.kind != "f":
            self._refuse(
                f"its tensor {last!r} is {_described(maps.dtype, maps.shape)}, no feature map "
                f"[N, C, H, W]: name another one as map in {self._path.stem}.toml"
            )
        return embeddings, maps

    def _checked_input(self) -> tuple[str, list[Any]]:
        """Name and shape, of four dimensions, of the input. Raises ModelError for other inputs."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            self._refuse(f"it has {len(inputs)} inputs, not one{names and f': {names}'}")
        (one,) = inputs
        if one.type != "tensor(float)":
            self._refuse(f"its input has the type {one.type}, not tensor(float)")
        shape = list(one.shape)
        if len(shape) == 4:
            *_, last = shape
            channels, sides = (last, shape[1:3]) if last == 3 else (shape[1], shape[2:])
            known = [side for side in sides if isinstance(side, int) and side > 0]
            if len(set(known)) <= 1 and (not isinstance(channels, int) or channels == 3):
                return one.name, shape
        self._refuse(
            f"its input has the shape {_listed(shape)}, not [N, 3, size, size] or "
            "[N, size, size, 3]"
        )

    def _checked_output(self) -> str:
        """The name of the output that is the embedding. Raises ModelError if there is none."""
        outputs = self._session.get_outputs()
        if not outputs:
            self._refuse("it has no output")
        first = outputs[0]
        # Dimensions and ranks that the file leaves open are checked in the result, by `_unit`.
        shape = list(first.shape) if first.type in _FLOATS else []
        open_ones = sum(not isinstance(size, int) for size in shape[1:])
        wide = sum(isinstance(size, int) and size > 1 for size in shape[1:])
        if first.type not in _FLOATS or wide > 1 or (shape and not open_ones and not wide):
            self._refuse(
                f"its first output is {first.type} of shape {_listed(shape or first.shape)}, no "
                "embedding [N, D]"
            )
        return str(first.name)

    def _refuse(self, reason: str) -> NoReturn:
        raise ModelError(
            f"recogniser {self.name}: {self._path} is not a recognition model: {reason}"
        )

    def _run(self, session: Any, names: list[str], faces: Faces) -> list[Any]:
        """The outputs `names` for N faces; the first, the embeddings, with length one."""
        starts = range(0, len(faces), self._batch)
        parts = [self._run_batch(session, names, faces[i : i + self._batch]) for i in starts]
        first, *others = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return [self._unit(first), *others]

    def _unit(self, found: npt.NDArray[Any]) -> Embeddings:
        """The embeddings as float32 [N, D] of length one. Raises ModelError for another output."""
        flat = found.reshape(len(found), -1)
        if flat.shape[1] < 2 or flat.shape[1] not in found.shape[1:] or found.dtype.kind != "f":
            self._refuse(
                f"its first output is {_described(found.dtype, found.shape)}, no embedding [N, D]"
            )
        if flat.shape[1] > _MAX_EMBEDDING:
            self._refuse(f"its first output has {flat.shape[1]} numbers, too many for an embedding")
        if not np.isfinite(flat).all():
            self._refuse("its first output has values that are infinite or NaN")
        flat = flat.astype(np.float32)
        unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        return np.asarray(unit, np.float32)

    def _run_batch(self, session: Any, names: list[str], faces: Faces) -> list[npt.NDArray[Any]]:
        count = len(faces)
        if self._fixed is not None and count < self._fixed:
            faces = np.pad(faces, ((0, self._fixed - count), (0, 0), (0, 0), (0, 0)), mode="edge")
        try:
            found = session.run(names, {self._input: self._pixels(faces)})
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise ModelError(
                f"recogniser {self.name}: {self._path} cannot be run: {_on_one_line(error)}"
            ) from error
        for name, one in zip(names, found, strict=True):
            if not isinstance(one, np.ndarray) or one.shape[:1] != (len(faces),):
                shape = one.shape if isinstance(one, np.ndarray) else ()
                self._refuse(
                    f"its output {name!r} has the shape {_listed(shape)} for {len(faces)} faces"
                )
        return [one[:count] for one in found]

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
    """A session whose additional last output is the feature map. Raises ModelError."""
    model, folder = path.read_bytes(), path.absolute().parent
    try:
        computed, own = onnx_graph.tensors(model), onnx_graph.outputs(model)
    except ValueError as error:
        raise ModelError(f"{path} is not an ONNX file: {error}") from error
    hint = f"name the tensor as map in {path.stem}.toml"
    try:
        if not name:
            name = _last_map(model, folder, [one for one in computed if one not in own])
        if name in computed and name not in own:
            return _session(onnx_graph.with_outputs(model, [name]), folder)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ModelError(
            f"{path} does not run with its feature map as an output, {hint}: {_on_one_line(error)}"
        ) from error
    raise ModelError(f"{path} has no feature map called {name!r}: {hint}")


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


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and type(value) is not bool and math.isfinite(value)


def _on_one_line(error: Exception) -> str:
    """The message of an error of ONNX Runtime, whose messages have line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _listed(shape: Any) -> str:
    """A shape as text; dimensions that the file leaves open have their name, or `?`."""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _described(dtype: Any, shape: Any) -> str:
    return f"{dtype} of shape {_listed(shape)}"
