"""What computes: one model on one device. `Codec` is the same whichever engine it has."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stc.codec.core import open_core
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.errors import BackendError, MissingExtraError

Floats = npt.NDArray[np.float32]

DEVICES = "cpu, torch, cuda or cuda:N"


class Engine(Protocol):
    """Canvases <-> tokens. Canvases are uint8 [B, 128, 128, 3]; everything returned is numpy."""

    batch: int  # faces at a time: more take more memory and are no faster

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        """The components of B faces, in the engine's own form, and the tokens chosen for them."""

    def quality(self, components: Any, tokens: Tokens) -> Floats:
        """The share of each face's identity that its tokens keep, 0 to 1, [B]."""

    def draw(self, tokens: Tokens) -> Canvases:
        """The faces that tokens stand for."""

    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        """The share of the identity of B canvases that B others have too, 0 to 1, [B]."""


class CpuEngine:
    """The native core, or numpy where it was not built; needs no torch."""

    batch = 256

    def __init__(self, model: ModelFile) -> None:
        self._core = open_core(model)
        self._tokenizer = Tokenizer(model, self._core)
        self._tokens = model.tables.tokens

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        components = self._tokenizer.analyse(canvases)
        return components, self._tokenizer.encode(components, limit)

    def quality(self, components: Any, tokens: Tokens) -> Floats:
        return self._tokenizer.identity_kept(components, self._tokenizer.dequantise(tokens))

    def draw(self, tokens: Tokens) -> Canvases:
        planes = self._tokenizer.planes(self._tokenizer.dequantise(tokens))
        return self._core.render(planes, (tokens.counts / self._tokens).astype(np.float32))

    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        return self._tokenizer.identity_kept(
            self._tokenizer.analyse(source), self._tokenizer.analyse(other)
        )


def open_engine(model: ModelFile, device: str = "cpu") -> Engine:
    """The engine of a model on a device: cpu; torch (torch on the CPU); cuda or cuda:N.

    Raises BackendError for a device that is unknown or not there, MissingExtraError without torch.
    """
    if device == "cpu":
        return CpuEngine(model)
    if device != "torch" and device.partition(":")[0] != "cuda":
        raise BackendError(f"no device {device!r}: there are {DEVICES}")
    try:
        from stc.codec.torch.engine import TorchEngine
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch is missing: pip install 'stc[cuda]'") from error
    return TorchEngine(model, device)
