"""`Codec`: encodes batches of canvases to .stc files, and decodes .stc files to canvases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stc import bitstream
from stc.canvas import CANVAS
from stc.codec.engine import open_engine
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile, open_model
from stc.codec.planes import LARGE, Canvases, Pictures, check_canvases
from stc.codec.tokens import Tokens
from stc.errors import BudgetError, QualityError
from stc.floating_point import standard_floats
from stc.settings import Encoded, Settings


class Codec:
    """One model on one device, loaded once, for any number of faces and threads.

    model: the name of a shipped model or the path of a model file; the default model if None.
    device: "cpu", which needs no torch; "cuda" or "cuda:1"; "torch", the GPU's code on the CPU.

    In a child that was forked after use, "cpu" works as in the parent and "torch" runs on one
    thread; "cuda" raises BackendError, since CUDA does not survive a fork: use
    `multiprocessing.get_context("spawn")`.

    Raises ModelMissingError, WrongModelError, BackendError, MissingExtraError.
    """

    @standard_floats()
    def __init__(self, model: str | Path | ModelFile | None = None, *, device: str = "cpu") -> None:
        self.model = model if isinstance(model, ModelFile) else open_model(model)
        self.device = device
        self._engine = open_engine(self.model, device)

    def __repr__(self) -> str:
        return f"<Codec {self.model.name} on {self.device}>"

    @standard_floats()
    def encode_batch(
        self, canvases: Canvases, settings: Settings | None = None, **changes: Any
    ) -> list[Encoded]:
        """Encode aligned faces, RGB uint8 [B, 128, 128, 3]; return one result for each, in order.

        settings, changes: as for `Settings.of`; `align` and `face` have no effect here.
        A face that does not fit the limit (BudgetError) or whose quality is too low (QualityError)
        gives a result whose `error` is set. Raises SettingsError; ModelError if `effort` is above 0
        and the eye is missing or damaged; ValueError for arrays of another shape or type.
        """
        settings = Settings.of(settings, **changes)
        check_canvases(canvases)
        limit = Limit.of(self.model.tables, settings)
        done: list[Encoded] = []
        for start in range(0, len(canvases), self._engine.batch):
            done += self._encode(canvases[start : start + self._engine.batch], limit, settings)
        return done

    def _encode(self, canvases: Canvases, limit: Limit, settings: Settings) -> list[Encoded]:
        components, tokens = self._engine.tokenize(canvases, limit)
        files = [self._packed(*tokens.face(row), limit) for row in range(len(tokens))]
        counts = [file.tokens for file in files]
        nearest = Tokens(tokens.groups, tokens.indices, np.array(counts, np.int64))
        # The quality is that of the nearest tokens at any effort. Synthesis chooses tokens that are
        # better by the eye but further away in components, so this estimate would fall for them.
        qualities = self._engine.quality(components, nearest).tolist()
        if settings.effort:
            effort = settings.effort
            tokens = self._engine.improve(canvases, components, tokens, limit, effort)
            files = [self._packed(*tokens.face(row), limit) for row in range(len(tokens))]
        return [
            file if file.error else _judged(file, quality, settings)
            for file, quality in zip(files, qualities, strict=True)
        ]

    def _packed(self, group: int, indices: npt.NDArray[np.int64], limit: Limit) -> Encoded:
        """The longest file of a face's tokens within the limit."""
        tables, bare = self.model.tables, limit.bare
        count = len(indices)
        if limit.max_bytes is not None:
            try:
                count = bitstream.longest_prefix(tables, group, indices, limit.max_bytes, bare=bare)
            except BudgetError as error:
                return Encoded(error=error)
        data = bitstream.pack(
            self.model.short_fingerprint, tables, group, indices[:count], bare=bare
        )
        return Encoded(data, count)

    @standard_floats()
    def decode_batch(
        self, files: Sequence[bytes], *, bare: bool = False, large: bool = False
    ) -> Pictures:
        """Decode the bytes of B files; return RGB uint8 [B, 128, 128, 3].

        bare: the files were encoded with `bare`. large: use the model's upscaler, and return
        uint8 [B, 256, 256, 3]. Raises FormatError; WrongModelError, also for `large` if the model
        has no upscaler (`Codec.model.has_upscaler`); TypeError for one file in place of several.
        """
        if isinstance(files, (bytes, bytearray, memoryview)):
            raise TypeError("files must be a sequence of files: for a single one, [file]")
        faces = [self.read_tokens(data, bare=bare) for data in files]
        side, draw = CANVAS, self._engine.draw
        if large:
            side, draw = LARGE, self._engine.draw_large
        drawn = [np.zeros((0, side, side, 3), np.uint8)]
        for start in range(0, len(faces), self._engine.batch):
            drawn.append(draw(Tokens.of(faces[start : start + self._engine.batch])))
        return np.concatenate(drawn)

    def read_tokens(self, data: bytes, *, bare: bool = False) -> tuple[int, npt.NDArray[np.int64]]:
        """Return the group and the token indices [n] of a file.

        Raises FormatError, WrongModelError.
        """
        if not bare:
            self.model.check_named(bitstream.parse_header(data).fingerprint)
        return bitstream.unpack(data, self.model.tables, bare=bare)

    @standard_floats()
    def identity_kept(self, source: Canvases, other: Canvases) -> npt.NDArray[np.float32]:
        """Estimate the share of the identity of B canvases that B other canvases keep.

        Both are uint8 [B, 128, 128, 3] and compared one by one. Returns float32 [B], 0 to 1.
        Raises ValueError for arrays of another shape or type, or if their numbers differ.
        """
        check_canvases(source)
        check_canvases(other)
        if len(source) != len(other):
            raise ValueError(f"as many canvases are needed, not {len(source)} and {len(other)}")
        return self._engine.identity_kept(source, other)


def _judged(file: Encoded, quality: float, settings: Settings) -> Encoded:
    try:
        settings.check_quality(quality, len(file.data))
    except QualityError as error:
        return Encoded(quality=quality, error=error)
    return Encoded(file.data, file.tokens, quality)
