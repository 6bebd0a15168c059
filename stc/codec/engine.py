"""What computes: one model on one device. `Codec` is the same whichever engine it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from stc.codec.core import open_core
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases, Pictures
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.errors import BackendError, MissingExtraError
from stc.install_hint import install_hint
from stc.native.choice import choose

if TYPE_CHECKING:
    from stc.codec.eye import Gaze
    from stc.codec.synthesis import Plan

Floats = npt.NDArray[np.float32]

FACES = 32  # improved together: more are no faster, and what a round holds of each is large
DEVICES = "cpu, torch, cuda or cuda:N"


class Engine(Protocol):
    """Canvases <-> tokens. Canvases are uint8 [B, 128, 128, 3]; everything returned is numpy."""

    batch: int  # faces at a time: more take more memory and are no faster

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        """The components of B faces, in the engine's own form, and the tokens chosen for them."""

    def improve(
        self, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit, effort: int
    ) -> Tokens:
        """Tokens whose faces the encoder's eye takes for the canvases more than the nearest ones.

        components, nearest: from `tokenize`, with the same limit. effort: 1 to 9.
        Raises ModelError if the eye is missing or damaged.
        """

    def quality(self, components: Any, tokens: Tokens) -> Floats:
        """The share of each face's identity that its tokens keep, 0 to 1, [B]."""

    def draw(self, tokens: Tokens) -> Canvases:
        """The faces that tokens stand for."""

    def draw_large(self, tokens: Tokens) -> Pictures:
        """The same at twice the size, uint8 [B, 256, 256, 3], by the model's upscaler.

        Raises WrongModelError if the model has none.
        """

    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        """The share of the identity of B canvases that B others have too, 0 to 1, [B]."""


class CpuEngine:
    """The native core, or numpy where it was not built; needs no torch."""

    batch = 256

    def __init__(self, model: ModelFile) -> None:
        self._core = open_core(model)
        self._tokenizer = Tokenizer(model, self._core)
        self._tokens, self._groups = model.tables.tokens, model.group_number
        # numpy's products round otherwise in a batch, which the rounds of `improve` would amplify.
        self._at_once = FACES if choose() == "native" else 1

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        components = self._tokenizer.analyse(canvases)
        return components, self._tokenizer.encode(components, limit)

    def improve(
        self, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit, effort: int
    ) -> Tokens:
        from stc.codec.synthesis import PLANS  # not at the top: decoding does without

        return self.improve_by(PLANS[effort - 1], canvases, components, nearest, limit)

    def improve_by(
        self, plan: Plan, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit
    ) -> Tokens:
        """The same by a plan of the caller's. Raises ModelError."""
        from stc.codec.eye import open_eye
        from stc.codec.synthesis import improve

        eye, found = open_eye(), []
        for start in range(0, len(canvases), self._at_once):
            own = slice(start, start + self._at_once)
            seen, of, tokens = canvases[own], components[own], nearest.part(own)
            if self._at_once == 1:
                of, tokens = self.tokenize(seen, limit)
            starts = [tokens]
            if plan.groups > 1 and self._groups > 1:
                starts = self._tokenizer.encode_groups(of, limit, plan.groups)
            studio = _Studio(self.draw, self._tokenizer, eye.toward(seen, plan.perception))
            found.append(improve(studio, of, starts, limit, plan))
        return Tokens.joined(found)

    def quality(self, components: Any, tokens: Tokens) -> Floats:
        return self._tokenizer.identity_kept(components, self._tokenizer.dequantize(tokens))

    def draw(self, tokens: Tokens) -> Canvases:
        return self._core.render(*self._planes(tokens))

    def draw_large(self, tokens: Tokens) -> Pictures:
        return self._core.render_large(*self._planes(tokens))

    def _planes(self, tokens: Tokens) -> tuple[Floats, Floats]:
        """Planes [B, 6144] and the share of all tokens spent on them [B]."""
        planes = self._tokenizer.planes(self._tokenizer.dequantize(tokens))
        return planes, (tokens.counts / self._tokens).astype(np.float32)

    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        return self._tokenizer.identity_kept(
            self._tokenizer.analyse(source), self._tokenizer.analyse(other)
        )


class _Studio:
    """See `stc.codec.synthesis.Studio`."""

    def __init__(
        self, draw: Callable[[Tokens], Canvases], tokenizer: Tokenizer, gaze: Gaze
    ) -> None:
        self._draw, self._tokenizer, self._gaze = draw, tokenizer, gaze

    def slopes(self, tokens: Tokens) -> tuple[Floats, Floats]:
        losses, by_planes = self._gaze.slopes(self._draw(tokens))
        return losses, np.nan_to_num(self._tokenizer.slope(by_planes), posinf=0, neginf=0)

    def losses(self, tokens: Tokens) -> Floats:
        return self._gaze.losses(self._draw(tokens))

    def refine(self, components: Floats, tokens: Tokens) -> Tokens:
        return self._tokenizer.refine(components, tokens, rounds=1)


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
        raise MissingExtraError(f"torch is missing: {install_hint('cuda')}") from error
    return TorchEngine(model, device)
