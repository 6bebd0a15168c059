"""`Encoder` encodes batches of pictures, for Ray Data, multiprocessing or a loop.

A picture that cannot be encoded becomes a row with an error and never ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stc.settings import GALLERY_EFFORT, Encoded, Settings

if TYPE_CHECKING:
    from stc.imaging import Source


@dataclass(frozen=True, init=False)
class Encoder:
    """A callable from batches of rows with a picture to batches of rows with a .stc file.

    It holds only settings, so it can be pickled; each process loads the model on the first call
    and keeps it. Use it as `map_batches(Encoder(max_bytes=96))`, or pass the class and
    `fn_constructor_kwargs` to Ray.

    settings, changes: `stc.Settings`, and fields of it to change, by name. Without settings the
        effort is `stc.settings.GALLERY_EFFORT`, lower than the usual default.
    column: the column of pictures: encoded (bytes), arrays uint8 [H, W, 3], [H, W, 4] or [H, W],
        paths or PIL images. The result does not contain it.
    model: a shipped model's name or the path of a model file; the default model if None.
    device: "cpu", which needs no torch, or "cuda".

    Raises SettingsError for settings that are not valid.
    """

    settings: Settings
    column: str
    model: str | None
    device: str

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        column: str = "image",
        model: str | None = None,
        device: str = "cpu",
        **changes: Any,
    ) -> None:
        settings = settings or Settings(effort=GALLERY_EFFORT)
        values = Settings.of(settings, **changes), column, model, device
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)  # the class is frozen

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Encode B rows: returns their columns with these in place of the column of pictures.

        `stc`: the file in bytes, empty after an error. `bytes`: its size, int32. `quality`:
        float32, NaN after an error. `error`: the error's class, or "". `message`: its message.
        Raises KeyError if the column of pictures is missing, ModelError if the model cannot be
        loaded, SettingsError for a stage that the model does not have.
        """
        rows = self.encode(batch[self.column])
        kept = {name: values for name, values in batch.items() if name != self.column}
        errors = [error_of(row) for row in rows]
        return {
            **kept,
            "stc": _objects([row.data for row in rows]),
            "bytes": np.array([len(row.data) for row in rows], np.int32),
            "quality": np.array([row.quality if row.data else np.nan for row in rows], np.float32),
            "error": _objects([name for name, _ in errors]),
            "message": _objects([message for _, message in errors]),
        }

    def encode(self, pictures: Iterable[Source]) -> list[Encoded]:
        """Encode pictures: the result of each, a .stc file or an error, in order.

        Raises ModelError if the model cannot be loaded, SettingsError for a stage that the model
        does not have.
        """
        from stc.api import encode_pictures

        return encode_pictures(pictures, self.settings, model=self.model, device=self.device)


def error_of(row: Encoded) -> tuple[str, str]:
    """The class and the message of a row's error; two empty strings if there is none."""
    return ("", "") if row.error is None else (type(row.error).__name__, str(row.error))


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    """An array of Python objects, because numpy's bytes type drops trailing zeros."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
