"""The modules of a run of a base tokenizer: tokenizer, quantizer and optionally a router."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.canvas import CANVAS
from stc.lab.tokenizers import (
    BaseTokenizer,
    GridConfig,
    GridTokenizer,
    PatchConfig,
    PatchTokenizer,
    SequenceTokenizer,
)
from stc.lab.tokenizers.quantizer import Arrangement, SwitchableQuantizer
from stc.lab.tokenizers.routing import Router
from stc.lab.training.config import TokenizerRun
from stc.lab.training.run import RunFolder


class System(nn.Module):
    """The modules of a run in the state of its current stage.

    The quantizer has one codebook for all tokens in stage `base`, G of them in stage `shared`, and
    the arrangement of the run's configuration from stage `specific` on.
    """

    tokenizer: Any  # a BaseTokenizer that is an nn.Module
    router: Router | None

    def __init__(self, config: TokenizerRun) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = build_tokenizer(config)
        self.quantizer = self.new_quantizer("base")
        self.router = None
        if config.routing == "learned" and config.arrangement.groups > 1:
            self.router = Router(self.tokenizer.dimensions, config.arrangement.groups)

    def arrangement(self, stage: str) -> Arrangement:
        """The arrangement of codebooks that a stage trains."""
        final = self.config.arrangement
        if stage == "base" or (stage == "shared" and final.groups == 1):
            return Arrangement("global", final.codewords)
        if stage == "shared":
            return Arrangement("switchable", final.codewords, final.groups)
        return final

    def new_quantizer(self, stage: str) -> SwitchableQuantizer:
        """A quantizer with the arrangement of a stage and random codebooks."""
        tokenizer = self.tokenizer
        return SwitchableQuantizer(self.arrangement(stage), tokenizer.tokens, tokenizer.dimensions)

    def advance(self, stage: str) -> None:
        """Give the quantizer a stage's arrangement; each new codebook is a copy of an old one."""
        grown = self.new_quantizer(stage).to(self.quantizer.codebooks.device)
        if grown.codebooks.shape != self.quantizer.codebooks.shape:
            with torch.no_grad():
                grown.codebooks.copy_(self.quantizer.codebooks)  # broadcast over groups and tokens
            self.quantizer = grown

    def load_stages(self, folder: RunFolder, base: RunFolder, until: str) -> None:
        """Load the weights of all stages before `until`, from `base` for stage `base`.

        Raises StcError if one of them is not finished.
        """
        for stage in self.config.stages:
            if stage == until:
                break
            weights = (base if stage == "base" else folder).weights(stage)
            self.advance(stage)
            for name, state in weights.items():
                self.get_submodule(name).load_state_dict(state)

    def route(self, latents: Tensor) -> Tensor | None:
        """The groups int64 [B] that the router chooses for latents [B, T, D].

        None without a router: then the search tries all groups.
        """
        if self.router is None or self.quantizer.arrangement.groups == 1:
            return None
        return self.quantizer.route(latents, self.router)

    @torch.no_grad()
    def encode(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Encode canvases, RGB in [0, 1] [B, 3, 128, 128] -> groups [B] and indices [B, T]."""
        latents = self.tokenizer.analyse(resize(rgb, self.tokenizer.size)).float()
        return self.quantizer.encode(latents, self.route(latents))

    @torch.no_grad()
    def decode(self, groups: Tensor, indices: Tensor) -> Tensor:
        """Decode groups [B] and indices [B, T] -> RGB in [0, 1] [B, 3, 128, 128]."""
        rgb = self.tokenizer.synthesise(self.quantizer.decode(groups, indices)).float()
        return resize(rgb, CANVAS).clamp(0, 1)


def build_tokenizer(config: TokenizerRun) -> BaseTokenizer:
    """Create the base tokenizer of a configuration."""
    if isinstance(config.tokenizer, GridConfig):
        return GridTokenizer(config.tokenizer)
    if isinstance(config.tokenizer, PatchConfig):
        return PatchTokenizer(config.tokenizer)
    return SequenceTokenizer(config.tokenizer)


def resize(rgb: Tensor, size: int) -> Tensor:
    """Resample pictures [B, C, H, H] -> [B, C, size, size], bilinearly with antialiasing."""
    if rgb.shape[-1] == size:
        return rgb
    return F.interpolate(rgb, size=size, mode="bilinear", antialias=True)


def drawing_parameters(tokenizer: BaseTokenizer) -> set[str]:
    """The names of the parameters that `synthesise` depends on, which are the decoder's."""
    module: nn.Module = tokenizer  # type: ignore[assignment]
    names, parameters = zip(*module.named_parameters(), strict=True)
    device = parameters[0].device
    latents = torch.zeros(1, tokenizer.tokens, tokenizer.dimensions, device=device)
    was = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    total = tokenizer.synthesise(latents).sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    for parameter, wanted in zip(parameters, was, strict=True):
        parameter.requires_grad_(wanted)
    return {name for name, found in zip(names, gradients, strict=True) if found is not None}
