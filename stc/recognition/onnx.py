"""Any recogniser in an ONNX file, with a description of its input in a TOML file of the same name
beside it, where that is not ArcFace's."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name

from stc.errors import DataError, StcError
from stc.recognition.base import BATCH, CROP, Embeddings, Faces, Maps

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
    # The tensor that is the last map of features; empty: the last one of more than one cell.
    map: str = ""

    @classmethod
    def beside(cls, path: Path) -> Description:
        """The description in FILE.toml beside FILE.onnx, or the default. Raises DataError."""
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
        except ValueError as error:  # what TOML's errors are, too
            raise DataError(f"{file}: {error}") from error
        return description


class Onnx:
    """Any recogniser in an ONNX file of one input and one output, run by ONNX Runtime.

    path: the file; `Description.beside` it says what it wants. Embeddings come out with length 1.
    Raises StcError if the file is missing or cannot be run.
    """

    def __init__(self, name: str, path: Path) -> None:
        if not path.is_file():
            raise StcError(f"judge {name}: there is no file {path}")
        self._path = path
        self.name, self.description = name, Description.beside(path)
        self.note = self.description.note
        wanted = repr(replace(self.description, note="")).encode()
        digest = hashlib.sha256(path.read_bytes() + wanted)
        self.key = f"onnx-{digest.hexdigest()[:16]}"
        try:
            self._session = _session(str(path))
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise StcError(f"judge {name}: {path} is no network to run: {error}") from error
        self._seeing: Any = None  # the session that shows the map as well, once it is needed
        first = self._session.get_inputs()[0]
        batch, *shape = first.shape
        self._input = first.name
        self._batch = batch if isinstance(batch, int) and batch > 0 else BATCH
        self._fixed = self._batch if isinstance(batch, int) and batch > 0 else None
        self._channels_last = len(shape) == 3 and shape[-1] == 3
        side = shape[0] if self._channels_last else shape[-1]
        self._size = side if isinstance(side, int) and side > 0 else self.description.size

    def embed(self, faces: Faces) -> Embeddings:
        parts = [
            self._run(self._session, faces[i : i + self._batch])[0]
            for i in range(0, len(faces), self._batch)
        ]
        return np.concatenate(parts)

    def look(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """Embeddings [N, D], and the map [N, C, H, W] that the description names, or the last
        tensor of more than one cell. Raises StcError if there is none, or onnx is missing."""
        if self._seeing is None:
            self._seeing = _session(_showing_map(self._path, self.description.map))
        starts = range(0, len(faces), self._batch)
        parts = [self._run(self._seeing, faces[i : i + self._batch]) for i in starts]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _run(self, session: Any, faces: Faces) -> list[Any]:
        """What the session gives of so many faces; the first of it with length one."""
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
        first, *others = (given[:count] for given in session.run(None, {self._input: values}))
        told = first.reshape(count, -1)
        unit = told / np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-12)
        return [unit.astype(np.float32), *others]


def _session(model: str | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _showing_map(path: Path, name: str) -> bytes:
    """The network with one more output: its last map of features. Raises StcError."""
    try:
        import onnx
    except ImportError as missing:
        raise StcError("onnx is missing: pip install 'stc[protection]'") from missing
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    sides = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in model.graph.value_info
    }
    made = [output for node in model.graph.node for output in node.output]
    if not name:
        maps = [one for one in made if len(sides.get(one, ())) == 4 and min(sides[one][2:]) > 1]
        name = maps[-1] if maps else ""
    if name not in made or name in {output.name for output in model.graph.output}:
        raise StcError(
            f"{path} shows no map called {name!r}: name the tensor as map in {path.stem}.toml"
        )
    shape = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    model.graph.output.append(shape)
    return model.SerializeToString()  # type: ignore[no-any-return]
