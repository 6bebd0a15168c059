"""The codec on a GPU: everything between canvases and tokens, and back, stays on the device.

The same steps as `stc.codec.tokenizer`, in torch; search and gathering run as Triton kernels on
CUDA devices. device="torch" runs this code on the CPU, which is how it is tested without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases
from stc.codec.tokenizer import ROUNDS
from stc.codec.tokens import Tokens
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import Level
from stc.errors import BackendError
from stc.kernels.torch import PackedCodebooks, PreparedCodebooks, gather, search

Floats = npt.NDArray[np.float32]
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _exactly(method: _Method) -> _Method:
    """Run a method in full float32, whatever the program around it allows.

    torch rounds the inputs of a GPU's convolutions to 10 bits (TF32) unless it is told otherwise,
    which would move pixels by more than the tolerance between decoders.
    """

    @wraps(method)
    def exact(self: TorchEngine, *arguments: Any) -> Any:
        if self.device.type != "cuda":
            return method(self, *arguments)
        matmul = torch.backends.cuda.matmul
        before, matmul.allow_tf32 = matmul.allow_tf32, False
        try:
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                return method(self, *arguments)
        finally:
            matmul.allow_tf32 = before

    return exact  # type: ignore[return-value]


class TorchEngine:
    """An `Engine` (stc.codec.engine) on a torch device.

    device: "torch", or what torch calls a CUDA device. Raises BackendError if there is none.
    """

    batch = 1024

    def __init__(self, model: ModelFile, device: str) -> None:
        self.device = _device(device)
        tokenizer, decoder = load_modules(model)
        self._tokenizer, self._decoder = tokenizer.to(self.device), decoder.to(self.device)
        books = [level.codebooks.weight for level in self._tokenizer.levels]
        self._books = PackedCodebooks(books)
        self._stages = [_Stage(level) for level in self._tokenizer.levels]
        self._starts = np.cumsum([0, *self._tokenizer.level_sizes]).tolist()
        tables = model.tables
        self._costs = [torch.from_numpy(costs).to(self.device) for costs in tables.costs]
        self._group_costs = torch.from_numpy(tables.group_costs).to(self.device)

    @torch.inference_mode()
    @_exactly
    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Tensor, Tokens]:
        components = self._analyse(canvases)
        groups, indices, counts = self._encode(components, limit)
        found = (field.cpu().numpy() for field in (groups, indices, counts))
        return components, Tokens(*found)

    @torch.inference_mode()
    @_exactly
    def quality(self, components: Tensor, tokens: Tokens) -> Floats:
        return self._identity_kept(components, self._dequantise(*self._uploaded(tokens)))

    @torch.inference_mode()
    @_exactly
    def draw(self, tokens: Tokens) -> Canvases:
        groups, indices, counts = self._uploaded(tokens)
        planes = self._tokenizer.planes(self._dequantise(groups, indices, counts))
        rgb = self._decoder(planes, counts / self._tokenizer.tokens)
        pixels = (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
        return np.asarray(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())

    @torch.inference_mode()
    @_exactly
    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        return self._identity_kept(self._analyse(source), self._analyse(other))

    def _analyse(self, canvases: Canvases) -> Tensor:
        """Canvases uint8 [B, 128, 128, 3] -> components [B, Z]."""
        # A copy, since what Pillow gives is read-only, which torch will not have.
        pixels = torch.from_numpy(np.array(canvases)).to(self.device)
        return self._tokenizer.analyse(pixels.permute(0, 3, 1, 2).float() / 255)

    def _uploaded(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """Groups [B], indices of all tokens [B, T] and counts [B], on the device."""
        missing = self._tokenizer.tokens - tokens.indices.shape[1]
        indices = np.pad(tokens.indices, ((0, 0), (0, missing)))
        fields = tokens.groups, indices, tokens.counts
        return tuple(torch.from_numpy(field).to(self.device) for field in fields)  # type: ignore[return-value]

    def _encode(self, components: Tensor, limit: Limit) -> tuple[Tensor, Tensor, Tensor]:
        """Components [B, Z] -> groups [B], indices of all tokens [B, T] and counts [B]."""
        faces, number = len(components), self._tokenizer.groups
        groups = torch.arange(number, device=self.device).repeat(faces)
        repeated = components.repeat_interleave(number, 0)
        indices, counts = self._quantise(repeated, groups, limit)
        if number > 1:
            rest = repeated - self._dequantise(groups, indices, counts)
            errors = rest.double().square().sum(1).view(faces, number)
            best = torch.arange(faces, device=self.device) * number + errors.argmin(1)
            groups, indices, counts = groups[best], indices[best], counts[best]
        return groups, self._refine(components, groups, indices, counts), counts

    def _quantise(self, components: Tensor, groups: Tensor, limit: Limit) -> tuple[Tensor, Tensor]:
        """Indices of all tokens [B, T], level by level, and how many of them fit, [B].

        All levels, since to ask whether the limit is reached would be to wait for the device.
        """
        rest, found, lengths = components.clone(), [], []
        if self._tokenizer.groups > 1:
            first = self._group_costs[groups][:, None]
        else:
            first = groups.new_zeros(len(groups), 1)
        for stage, costs in zip(self._stages, self._costs, strict=True):
            indices = stage.encode(rest, groups)
            token = torch.arange(stage.tokens, device=self.device)
            lengths.append(costs[groups[:, None], token, indices])
            found.append(indices)
            rest[:, : stage.components] -= stage.decode(indices, groups)
        total = first + torch.cat(lengths, 1).cumsum(1)
        allowed = torch.from_numpy(limit.allowed).to(self.device)
        fits = total[:, : limit.max_tokens] <= allowed
        order = torch.arange(1, limit.max_tokens + 1, device=self.device)
        return torch.cat(found, 1), (fits * order).amax(1).clamp(min=1)

    def _refine(
        self, components: Tensor, groups: Tensor, indices: Tensor, counts: Tensor
    ) -> Tensor:
        """Better indices [B, T]; see `stc.codec.tokenizer`."""
        found = list(indices.split(self._tokenizer.level_sizes, 1))
        order = torch.arange(indices.shape[1], device=self.device)
        keeps = (order < counts[:, None]).split(self._tokenizer.level_sizes, 1)
        parts = [
            stage.decode(own, groups, keep)
            for stage, own, keep in zip(self._stages, found, keeps, strict=True)
        ]
        rest = components.clone()
        for stage, part in zip(self._stages, parts, strict=True):
            rest[:, : stage.components] -= part
        for number in [*range(len(found))] * ROUNDS:
            stage, keep = self._stages[number], keeps[number]
            there = stage.codewords(found[number], groups, keep)
            found[number] = torch.where(keep, stage.encode(rest, groups, there), found[number])
            rest[:, : stage.components] += parts[number]
            parts[number] = stage.decode(found[number], groups, keep)
            rest[:, : stage.components] -= parts[number]
        return torch.cat(found, 1)

    def _dequantise(self, groups: Tensor, indices: Tensor, counts: Tensor) -> Tensor:
        """Groups [B], indices of all tokens [B, T] and counts [B] -> components [B, Z]."""
        total = indices.new_zeros(len(indices), self._tokenizer.basis.shape[1]).float()
        keep = torch.arange(indices.shape[1], device=self.device) < counts[:, None]
        keeps = keep.split(self._tokenizer.level_sizes, 1)
        codewords = gather(indices, self._books, groups, check=False)
        for level, own, kept in zip(self._tokenizer.levels, codewords, keeps, strict=True):
            total[:, : level.components] += (own * kept[..., None]).flatten(1) @ level.synthesis
        return total

    def _identity_kept(self, source: Tensor, other: Tensor) -> Floats:
        """As `Tokenizer.identity_kept`."""
        level = self._tokenizer.levels[:2][-1]
        energy = (source[:, : level.components] @ level.analysis).square().sum(1)
        lost = ((source - other)[:, : level.components] @ level.analysis).square().sum(1)
        return np.asarray((1 - lost / energy.clamp(min=1e-12)).clamp(0, 1).cpu().numpy())


class _Stage:
    """One level, its codebooks ready for the kernels of its device."""

    def __init__(self, level: Level) -> None:
        self.components, self.tokens = level.components, level.tokens
        self._level = level
        self._prepared = PreparedCodebooks(level.codebooks.weight, level.price * level.bits)
        self._packed = PackedCodebooks([level.codebooks.weight])

    def encode(self, components: Tensor, groups: Tensor, there: Tensor | None = None) -> Tensor:
        """Components [B, all] and groups [B] -> indices [B, T]; there: see `stc.codec.level`."""
        latents = components[:, : self.components] @ self._level.analysis
        latents = latents.unflatten(1, (self.tokens, self._level.dimensions))
        if there is not None:
            latents = latents + there
        return search(latents, self._prepared, groups=groups, check=False).indices

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Indices [B, T], of which only those to keep [B, T] count -> components [B, Z_l]."""
        return self.codewords(indices, groups, keep).flatten(1) @ self._level.synthesis

    def codewords(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Codewords [B, T, D], 0 for tokens that do not count."""
        (codewords,) = gather(indices, self._packed, groups, check=False)
        return codewords if keep is None else codewords * keep[..., None]


def _device(name: str) -> torch.device:
    if name == "torch":
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BackendError(f"no device {name!r}: {error}") from error
    if not torch.cuda.is_available():
        raise BackendError(f"device {name} is not there: torch {torch.__version__} sees no GPU")
    if (device.index or 0) >= torch.cuda.device_count():
        raise BackendError(f"device {name} is not there: {torch.cuda.device_count()} GPUs are")
    return device
