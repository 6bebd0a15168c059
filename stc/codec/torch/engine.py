"""The codec on a GPU: all data between canvases and tokens stays on the device.

The steps are those of `stc.codec.tokenizer`, in torch; search and gathering run as Triton kernels
on CUDA devices. device="torch" runs this code on the CPU; tests use it where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.bitstream.plain import TOTAL
from stc.codec.eye import read_network
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases, Pictures
from stc.codec.synthesis import PLANS, improve
from stc.codec.tokenizer import ROUNDS
from stc.codec.tokens import Tokens
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.eye import Eye
from stc.codec.torch.load import load_modules, load_upscaler
from stc.codec.torch.tokenizer import Level
from stc.codec.torch.upscaler import Upscaler
from stc.errors import BackendError
from stc.fork_lock import cached_property
from stc.kernels.torch import PackedCodebooks, PreparedCodebooks, gather, search
from stc.kernels.torch.state import check_usable, undisturbed

Floats = npt.NDArray[np.float32]

IMPROVED = 32  # faces improved in one batch: autograd keeps tens of megabytes for each
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _undisturbed(method: _Method) -> _Method:
    """Decorate a method of the engine to run with torch's standard settings (see `undisturbed`)."""

    @wraps(method)
    def run(self: TorchEngine, *arguments: Any) -> Any:
        with undisturbed(self.device):
            return method(self, *arguments)

    return run  # type: ignore[return-value]


class TorchEngine:
    """An `Engine` (stc.codec.engine) on a torch device.

    device: "torch", or torch's name of a CUDA device. Raises BackendError if it is not present.
    """

    batch = 1024

    def __init__(self, model: ModelFile, device: str) -> None:
        self.device = _device(device)
        with undisturbed(self.device):
            self._prepare(model)

    def _prepare(self, model: ModelFile) -> None:
        self._model = model
        tokenizer, decoder = load_modules(model)
        self._tokenizer, self._decoder = tokenizer.to(self.device), decoder.to(self.device)
        groups = self._tokenizer.groups
        books = [level.codebooks.weight for level in self._tokenizer.levels]
        # Shared codebooks are packed once for each group.
        self._books = PackedCodebooks([own.expand(groups, -1, -1, -1) for own in books])
        self._stages = [_Stage(level) for level in self._tokenizer.levels]
        self._starts = np.cumsum([0, *self._tokenizer.level_sizes]).tolist()
        tables = model.tables
        self._costs_of = [torch.from_numpy(costs).to(self.device) for costs in tables.costs]
        self._group_costs = torch.from_numpy(tables.group_costs).to(self.device)

    @_undisturbed
    @torch.inference_mode()
    def tokenize(self, canvases: Canvases, limit: Limit) -> tuple[Tensor, Tokens]:
        components = self._analyse(canvases)
        groups, indices, counts = self._encode(components, limit)
        found = (field.cpu().numpy() for field in (groups, indices, counts))
        return components, Tokens(*found)

    @_undisturbed
    @torch.no_grad()  # not inference_mode, in which gradients cannot be enabled again
    def improve(
        self, canvases: Canvases, components: Tensor, nearest: Tokens, limit: Limit, effort: int
    ) -> Tokens:
        plan, found = PLANS[effort - 1], []
        for start in range(0, len(canvases), IMPROVED):
            own = slice(start, start + IMPROVED)
            of, starts = components[own], [nearest.part(own)]
            if plan.groups > 1 and self._tokenizer.groups > 1:
                kept = self._encode_groups(of, limit, plan.groups)
                starts = [Tokens(*(field.cpu().numpy() for field in one)) for one in kept]
            synthesis_engine = _SynthesisEngine(self, canvases[own], plan.perception)
            found.append(improve(synthesis_engine, of, starts, limit, plan))
        return Tokens.joined(found)

    @_undisturbed
    @torch.inference_mode()
    def quality(self, components: Tensor, tokens: Tokens) -> Floats:
        return self._identity_kept(components, self._dequantize(*self._uploaded(tokens)))

    @_undisturbed
    @torch.inference_mode()
    def draw(self, tokens: Tokens) -> Canvases:
        return _pixels(self._decoder(*self._planes(tokens)))

    @_undisturbed
    @torch.inference_mode()
    def draw_large(self, tokens: Tokens) -> Pictures:
        return _pixels(self._upscaler(*self._decoder.draw(*self._planes(tokens))))

    def _planes(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Planes [B, 6144] and the share of all tokens spent on them [B]."""
        groups, indices, counts = self._uploaded(tokens)
        planes = self._tokenizer.planes(self._dequantize(groups, indices, counts))
        return planes, counts.float() / self._tokenizer.tokens

    @_undisturbed
    @torch.inference_mode()
    def identity_kept(self, source: Canvases, other: Canvases) -> Floats:
        return self._identity_kept(self._analyse(source), self._analyse(other))

    def _analyse(self, canvases: Canvases) -> Tensor:
        """Canvases uint8 [B, 128, 128, 3] -> components [B, Z]."""
        # A copy, since arrays from Pillow are read-only, which torch does not support.
        pixels = torch.from_numpy(np.array(canvases)).to(self.device)
        return self._tokenizer.analyse(pixels.permute(0, 3, 1, 2).float() / 255)

    @cached_property
    def _upscaler(self) -> Upscaler:
        return load_upscaler(self._model).to(self.device)

    @cached_property
    def _eye(self) -> Eye:
        return Eye(read_network()).to(self.device).requires_grad_(False)

    def _uploaded(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """Groups [B], indices of all tokens [B, T] and counts [B], on the device."""
        missing = self._tokenizer.tokens - tokens.indices.shape[1]
        indices = np.pad(tokens.indices, ((0, 0), (0, missing)))
        fields = tokens.groups, indices, tokens.counts
        return tuple(torch.from_numpy(field).to(self.device) for field in fields)  # type: ignore[return-value]

    def _encode(self, components: Tensor, limit: Limit) -> tuple[Tensor, Tensor, Tensor]:
        """Components [B, Z] -> groups [B], indices of all tokens [B, T] and counts [B]."""
        return self._encode_groups(components, limit, 1)[0]

    def _encode_groups(
        self, components: Tensor, limit: Limit, keep: int
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """As `_encode` for the `keep` best groups, the best first; see `stc.codec.tokenizer`."""
        faces, number = len(components), self._tokenizer.groups
        own = self._own_levels
        groups = torch.arange(number, device=self.device).repeat(faces)
        rest = components.repeat_interleave(number, 0)
        found, lengths = self._quantize(rest, groups, range(own))
        if own:
            order = self._costs(components, groups, found, lengths, limit)
            order = order.view(faces, number).argsort(dim=1, stable=True)[:, :keep]
        else:
            order = torch.arange(min(keep, number), device=self.device).repeat(faces, 1)
        kept = []
        for best in order.T:
            rows = torch.arange(faces, device=self.device) * number + best
            more, after = self._quantize(rest[rows], best, range(own, len(self._stages)))
            indices = torch.cat([*(part[rows] for part in found), *more], 1)
            length = torch.cat([*(part[rows] for part in lengths), *after], 1)
            counts = self._counts(best, length, limit)
            kept.append((best, self._refine(components, best, indices, counts), counts))
        return kept

    @cached_property
    def _own_levels(self) -> int:
        """The number of levels, from the first one on, that have codebooks for every group."""
        own, levels = 0, self._tokenizer.levels
        while self._tokenizer.groups > 1 and own < len(levels) and not levels[own].is_shared:
            own += 1
        return own

    def _quantize(
        self, rest: Tensor, groups: Tensor, levels: Iterable[int]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Indices of all tokens of some levels, [B, T] each, and their code lengths, [B, T] each.

        The codewords are subtracted from rest [B, Z]. All levels are searched: to test whether the
        limit is reached, the host would have to wait for the device.
        """
        found, lengths = [], []
        for number in levels:
            stage, costs = self._stages[number], self._costs_of[number]
            indices = stage.encode(rest, groups)
            token = torch.arange(stage.tokens, device=self.device)
            lengths.append(costs[stage.own(groups)[:, None], token, indices])
            found.append(indices)
            rest[:, : stage.components] -= stage.decode(indices, groups)
        return found, lengths

    def _total(self, groups: Tensor, lengths: Tensor) -> Tensor:
        """Code lengths of the group and the first 1 to n tokens, [B, n], of each token's [B, n]."""
        return lengths.cumsum(1) + self._group_costs[groups][:, None]

    def _counts(self, groups: Tensor, lengths: Tensor, limit: Limit) -> Tensor:
        """The number of tokens that fit, [B], given the code lengths of each token [B, n]."""
        allowed = torch.from_numpy(limit.allowed).to(self.device)
        known = min(limit.max_tokens, lengths.shape[1])
        fits = self._total(groups, lengths)[:, :known] <= allowed[:known]
        order = torch.arange(1, known + 1, device=self.device)
        return (fits * order).amax(1).clamp(min=1)

    def _costs(
        self,
        components: Tensor,
        groups: Tensor,
        found: list[Tensor],
        lengths: list[Tensor],
        limit: Limit,
    ) -> Tensor:
        """The cost of every face in every group, [B * G], as in `Tokenizer._costs`."""
        number, levels = self._tokenizer.groups, len(found)
        joined = torch.cat(lengths, 1)
        counts = self._counts(groups, joined, limit)
        order = torch.arange(joined.shape[1], device=self.device)
        keeps = (order < counts[:, None]).split(self._tokenizer.level_sizes[:levels], 1)
        rest = components.repeat_interleave(number, 0)
        for stage, indices, keep in zip(self._stages, found, keeps, strict=False):
            rest[:, : stage.components] -= stage.decode(indices, groups, keep)
        bits = self._total(groups, joined).gather(1, counts[:, None] - 1)[:, 0].float() / TOTAL
        most = counts.view(-1, number).amax(1).repeat_interleave(number)
        costs = torch.zeros(len(groups), dtype=torch.float64, device=self.device)
        for level, start in zip(self._tokenizer.levels[:levels], self._starts, strict=False):
            own = level.size(rest) + level.price * bits
            costs = torch.where(most > start, own, costs)
        return costs

    def _refine(
        self,
        components: Tensor,
        groups: Tensor,
        indices: Tensor,
        counts: Tensor,
        rounds: int = ROUNDS,
    ) -> Tensor:
        """Indices [B, T] nearer to the components; see `stc.codec.tokenizer.Tokenizer.refine`."""
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
        for number in [*range(len(found))] * rounds:
            stage, keep = self._stages[number], keeps[number]
            there = stage.codewords(found[number], groups, keep)
            found[number] = torch.where(keep, stage.encode(rest, groups, there), found[number])
            rest[:, : stage.components] += parts[number]
            parts[number] = stage.decode(found[number], groups, keep)
            rest[:, : stage.components] -= parts[number]
        return torch.cat(found, 1)

    def _dequantize(self, groups: Tensor, indices: Tensor, counts: Tensor) -> Tensor:
        """The components [B, Z] of groups [B], indices of all tokens [B, T] and counts [B]."""
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


class _SynthesisEngine:
    """A `stc.codec.synthesis.SynthesisEngine` in torch."""

    def __init__(self, engine: TorchEngine, canvases: Canvases, perception: float) -> None:
        self._engine, self._perception = engine, perception
        pixels = torch.from_numpy(np.array(canvases)).to(engine.device)
        self._source = engine._eye.look(pixels.float())

    def gradients(self, tokens: Tokens) -> tuple[Floats, Tensor]:
        components, drawn = self._drawn(tokens)
        with torch.enable_grad():
            components = components.detach().requires_grad_()
            smooth = to_rgb(self._engine._tokenizer.planes(components)) * 255
            # The decoder's detail and rounding are treated as constants, as in stc.codec.eye.
            losses = self._far(smooth + (drawn - smooth).detach())
            (gradient,) = torch.autograd.grad(losses.sum(), components)
        return losses.detach().cpu().numpy(), gradient.nan_to_num(posinf=0, neginf=0)

    def losses(self, tokens: Tokens) -> Floats:
        return np.asarray(self._far(self._drawn(tokens)[1]).cpu().numpy())

    def refine(self, components: Tensor, tokens: Tokens) -> Tokens:
        groups, indices, counts = self._engine._uploaded(tokens)
        found = self._engine._refine(components, groups, indices, counts, rounds=1)
        return Tokens(tokens.groups, found.cpu().numpy(), tokens.counts)

    def _drawn(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """The components [B, Z] of tokens, and the decoded faces [B, 3, 128, 128], 0 to 255."""
        engine = self._engine
        groups, indices, counts = engine._uploaded(tokens)
        components = engine._dequantize(groups, indices, counts)
        share = counts.float() / engine._tokenizer.tokens
        rgb = engine._decoder(engine._tokenizer.planes(components), share)
        return components, (rgb.clamp(0, 1) * 255).round()

    def _far(self, pixels: Tensor) -> Tensor:
        far: Tensor = self._engine._eye(pixels.permute(0, 2, 3, 1), *self._source, self._perception)
        return far


class _Stage:
    """One level, with its codebooks prepared for the kernels of its device."""

    def __init__(self, level: Level) -> None:
        self.components, self.tokens, self.own = level.components, level.tokens, level.own
        self._level = level
        self._prepared = PreparedCodebooks(level.codebooks.weight, level.price * level.bits)
        self._packed = PackedCodebooks([level.codebooks.weight])

    def encode(self, components: Tensor, groups: Tensor, there: Tensor | None = None) -> Tensor:
        """The indices [B, T] of components [B, all] in groups [B]; there: as in `Level.encode`."""
        latents = components[:, : self.components] @ self._level.analysis
        latents = latents.unflatten(1, (self.tokens, self._level.dimensions))
        if there is not None:
            latents = latents + there
        return search(latents, self._prepared, groups=self.own(groups), check=False).indices

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """The components [B, Z_l] of indices [B, T], without tokens where keep [B, T] is false."""
        return self.codewords(indices, groups, keep).flatten(1) @ self._level.synthesis

    def codewords(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """The codewords [B, T, D] of indices [B, T], 0 where keep [B, T] is false."""
        (codewords,) = gather(indices, self._packed, self.own(groups), check=False)
        return codewords if keep is None else codewords * keep[..., None]


def _pixels(rgb: Tensor) -> Pictures:
    """Clamp RGB [B, 3, H, W] to [0, 1], and convert it to numpy uint8 [B, H, W, 3]."""
    pixels = (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy(), np.uint8)


def _device(name: str) -> torch.device:
    if name == "torch":
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BackendError(f"no device {name!r}: {error}") from error
    if not torch.cuda.is_available():
        raise BackendError(f"device {name} is missing: torch {torch.__version__} finds no GPU")
    if (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise BackendError(f"device {name} is missing: torch finds {count} GPUs")
    check_usable(device)
    if device.index is None:  # fix the device that is current now
        device = torch.device("cuda", torch.cuda.current_device())
    return device
