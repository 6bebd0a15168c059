"""Many pictures at once: `Encoder`, for Ray Data, multiprocessing or a loop of one's own.

A picture that cannot be coded is a row with an error, and never ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.errors import BudgetError, StcError
from stc.imaging import Align, Choice, frame

if TYPE_CHECKING:
    from stc.codec.codec import Canvas, Codec


@dataclass(frozen=True)
class Coded:
    """What became of one picture: a file, or an error."""

    data: bytes = b""
    quality: float = float("nan")  # share of the identity kept, 0 to 1; NaN after an error
    error: str = ""  # the error's class, such as NoFaceError
    message: str = ""


@dataclass(frozen=True)
class Encoder:
    """A callable from batches of rows with a picture to batches of rows with a .stc file.

    It holds settings alone, so it pickles; the model is loaded where it is first called, and kept
    for the next call. Use it as `map_batches(Encoder(max_bytes=96))`, or give Ray the class and
    `fn_constructor_kwargs`.

    column: the column of pictures: encoded (bytes), arrays uint8 [H, W, 3], [H, W, 4] or [H, W],
        paths or PIL images. It is left out of the result.
    max_bytes, level, align, face, bare, model: as for `stc.encode`.

    Raises ValueError for settings that nothing fits.
    """

    column: str = "image"
    max_bytes: int | None = None
    level: int | None = None
    align: Align = "auto"
    face: Choice = "only"
    bare: bool = False
    model: str | None = None

    def __post_init__(self) -> None:
        if self.align not in get_args(Align):
            raise ValueError(f"align must be one of {get_args(Align)}, not {self.align!r}")
        if self.face not in get_args(Choice):
            raise ValueError(f"face must be one of {get_args(Choice)}, not {self.face!r}")
        if self.max_bytes is not None and self.level is not None:
            raise ValueError("give max_bytes or level, not both")

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Columns of B rows -> the same without the pictures, and with these instead:

        `stc` bytes, empty after an error; `bytes` int32; `quality` float32, NaN after an error;
        `error` the class of what went wrong, or ""; `message` what it said.
        Raises KeyError if the column is missing, ModelError, ValueError.
        """
        rows = self.encode(batch[self.column])
        kept = {name: values for name, values in batch.items() if name != self.column}
        return {
            **kept,
            "stc": _objects([row.data for row in rows]),
            "bytes": np.array([len(row.data) for row in rows], np.int32),
            "quality": np.array([row.quality for row in rows], np.float32),
            "error": _objects([row.error for row in rows]),
            "message": _objects([row.message for row in rows]),
        }

    def encode(self, pictures: Iterable[Any]) -> list[Coded]:
        """What became of each picture, in order."""
        from stc.codec.codec import load_codec  # torch, where the work is done

        codec = load_codec(self.model)
        framed = [self._framed(picture) for picture in pictures]
        canvases = [canvas for canvas in framed if isinstance(canvas, np.ndarray)]
        coded = iter(self._coded(codec, np.stack(canvases)) if canvases else [])
        return [next(coded) if isinstance(row, np.ndarray) else row for row in framed]

    def _framed(self, picture: Any) -> Canvas | Coded:
        """A canvas, or why there is none."""
        try:
            if isinstance(picture, np.ndarray):
                picture = _as_image(picture)
            return frame(picture, align=self.align, face=self.face)
        except (StcError, OSError, ValueError, TypeError) as error:
            return _failed(error)

    def _coded(self, codec: Codec, canvases: npt.NDArray[np.uint8]) -> list[Coded]:
        """Canvases, uint8 [B, 128, 128, 3] -> what became of each."""
        try:
            files = codec.encode_canvases(
                canvases, max_bytes=self.max_bytes, level=self.level, bare=self.bare
            )
        except BudgetError as error:
            if len(canvases) == 1:
                return [_failed(error)]
            # One face of all cannot be coded in so few bytes, which is rare: find it.
            return [row for canvas in canvases for row in self._coded(codec, canvas[None])]
        kept = codec.qualities(canvases, files, bare=self.bare).tolist()
        return [Coded(data, quality) for data, quality in zip(files, kept, strict=True)]


def _as_image(pixels: npt.NDArray[Any]) -> Image.Image:
    """Grey, RGB or RGBA pixels as a picture. Raises ValueError for anything else."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ValueError(
            f"pixels must be uint8 [H, W], [H, W, 3] or [H, W, 4], not {pixels.dtype} "
            f"{list(pixels.shape)}"
        )
    return Image.fromarray(pixels.squeeze(2) if pixels.shape[2:] == (1,) else pixels)


def _failed(error: Exception) -> Coded:
    return Coded(error=type(error).__name__, message=str(error))


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    """An array of Python objects: numpy's own strings of bytes lose zeros at their end."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
