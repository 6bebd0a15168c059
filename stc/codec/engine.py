"""Engines: the computation of a codec on one device. `Codec` uses all of them in the same way."""

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
    from stc.codec.eye import EyeLoss
    from stc.codec.synthesis import Plan

Floats = npt.NDArray[np.float32]

IMPROVED = 32  # improved in one batch: more are no faster, and each needs much memory in a round
DEVICES = "cpu, torch, cuda or cuda:N"


class Engine(Protocol):
    """Canvases to tokens and back. Canvases are uint8 [B, 128, 128, 3]; returned arrays are numpy.

    Only the components of `tokenize` may have another array type of the engine.
    """

    batch: int  # faces in one call: more need more memory and are no faster

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        """Return the components of B faces, an array of the engine's type, and nearest tokens."""

    def improve(
        self, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit, effort: int
    ) -> Tokens:
        """Return tokens whose decoded faces are closer to the canvases, as measured by the eye.

        components, nearest: from `tokenize`, with the same limit; no face gets worse than its
        nearest tokens. effort: 1 to 9. Raises ModelError if the eye is missing or damaged.
        """

    def quality(self, components: Any, tokens: Tokens) -> Floats:
        """Estimate the share of each face's identity that its tokens keep, 0 to 1, [B]."""

    def draw(self, tokens: Tokens) -> Canvases:
        """Decode tokens to canvases."""

    def draw_large(self, tokens: Tokens) -> Pictures:
        """Decode tokens with the model's upscaler; return uint8 [B, 256, 256, 3].

        Raises WrongModelError if the model has none.
        """

    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        """Estimate the share of the identity of B canvases that B others keep, 0 to 1, [B]."""


class CpuEngine:
    """An `Engine` on the native core, or on numpy where that was not built; needs no torch."""

    batch = 256

    def __init__(self, model: ModelFile) -> None:
        self._core = open_core(model)
        self._tokenizer = Tokenizer(model, self._core)
        self._tokens, self._groups = model.tables.tokens, model.group_number
        # numpy's products round differently with the batch size; rounds would amplify this.
        self._at_once = IMPROVED if choose() == "native" else 1

    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Any, Tokens]:
        components = self._tokenizer.analyse(canvases)
        return components, self._tokenizer.encode(components, limit)

    def improve(
        self, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit, effort: int
    ) -> Tokens:
        from stc.codec.synthesis import PLANS  # not at the top: decoding does not need it

        return self.improve_by(PLANS[effort - 1], canvases, components, nearest, limit)

    def improve_by(
        self, plan: Plan, canvases: Canvases, components: Any, nearest: Tokens, limit: Limit
    ) -> Tokens:
        """As `improve`, with a given plan instead of an effort. Raises ModelError."""
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
            synthesis_engine = _SynthesisEngine(
                self.draw, self._tokenizer, eye.loss_against(seen, plan.perception)
            )
            found.append(improve(synthesis_engine, of, starts, limit, plan))
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


class _SynthesisEngine:
    """A `stc.codec.synthesis.SynthesisEngine` on the CPU."""

    def __init__(
        self, draw: Callable[[Tokens], Canvases], tokenizer: Tokenizer, loss: EyeLoss
    ) -> None:
        self._draw, self._tokenizer, self._loss = draw, tokenizer, loss

    def gradients(self, tokens: Tokens) -> tuple[Floats, Floats]:
        losses, by_planes = self._loss.gradients(self._draw(tokens))
        return losses, np.nan_to_num(self._tokenizer.gradient(by_planes), posinf=0, neginf=0)

    def losses(self, tokens: Tokens) -> Floats:
        return self._loss.losses(self._draw(tokens))

    def refine(self, components: Floats, tokens: Tokens) -> Tokens:
        return self._tokenizer.refine(components, tokens, rounds=1)


def open_engine(model: ModelFile, device: str = "cpu") -> Engine:
    """Open the engine of a model on a device: cpu; torch (torch on the CPU); cuda or cuda:N.

    Raises BackendError for a device that is unknown or not present, MissingExtraError without
    torch.
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
