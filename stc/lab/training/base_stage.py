"""Stage `base`: trains a tokenizer with one codebook for all tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.lab.tokenizers.quantizer import codebook_use
from stc.lab.tokenizers.routing import Router
from stc.lab.training.clustering import kmeans
from stc.lab.training.config import BaseStage
from stc.lab.training.data import to_tensors
from stc.lab.training.pictures import PictureStage
from stc.lab.training.system import System, resize

FIRST = 512  # training images whose latents initialise the codebook


def first_codebook(latents: Tensor, codewords: int) -> Tensor:
    """One codebook [1, 1, K, D] for all tokens, by k-means on latents [N, D] of all tokens."""
    while len(latents) < codewords:
        latents = torch.cat([latents, latents + 1e-3 * torch.randn_like(latents)])
    picked = latents[torch.randperm(len(latents))[: 64 * codewords]]
    return kmeans(picked, torch.ones(len(picked)), codewords)[None, None]


class Autoencoder(nn.Module):
    """RGB [B, 3, 128, 128] -> picture, latents, codewords and indices, in one forward pass.

    Gradients reach the codewords. free: whether the quantizer is bypassed; then codewords equal
    latents, and indices are 0.
    """

    def __init__(self, system: System, router: Router | None) -> None:
        super().__init__()
        self.tokenizer, self.quantizer, self.router = system.tokenizer, system.quantizer, router

    def forward(self, rgb: Tensor, free: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        latents = self.tokenizer.analyse(resize(rgb, self.tokenizer.size)).float()
        if free:
            indices = torch.zeros(latents.shape[:2], dtype=torch.long, device=rgb.device)
            return self.tokenizer.synthesise(latents), latents, latents.detach(), indices
        groups = None if self.router is None else self.quantizer.route(latents, self.router)
        passed, groups, indices = self.quantizer(latents, groups)
        codewords = self.quantizer.decode(groups, indices)
        return self.tokenizer.synthesise(passed), latents, codewords, indices


class BaseTraining(PictureStage):
    """Training of an autoencoder with one codebook for all tokens, on pictures."""

    name = "base"
    plan: BaseStage

    def wrap(self) -> nn.Module:
        return Autoencoder(self.system, None)

    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        yield {"params": list(self.system.tokenizer.parameters()), "share": 1.0}
        yield {"params": [self.system.quantizer.codebooks], "share": 1.0, "weight_decay": 0.0}

    def loss(self, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        rgb, mask, _ = self.batch(number)
        free = min(self.plan.free, self.plan.steps - 1)
        if number == free:
            self.start_codebook()
        elif number > free and number % self.plan.revive_every == 0:
            self.revive(rgb)
        output, latents, codewords, indices = self.model(rgb, number < free)
        loss, metrics = self.objective(output, rgb, mask)
        own = F.mse_loss(codewords, latents.detach())
        loss = loss + own + self.plan.commitment * F.mse_loss(latents, codewords.detach())
        spread = latents.detach().var(0).mean().clamp_min(1e-12)
        use = codebook_use(
            indices.view(-1, 1), indices.new_zeros(indices.numel()), self.system.arrangement("base")
        )
        return loss, {**metrics, "quantization": own.detach() / spread, "use": use.share.mean()}

    @torch.no_grad()
    def start_codebook(self) -> None:
        """Initialise the codebook by k-means on the latents of some training images."""
        rows = np.random.default_rng(self.system.config.seed).permutation(self.pictures.training)
        parts = np.array_split(rows[:FIRST], max(1, min(FIRST, len(rows)) // 32))
        latents = torch.cat([self.latents(part) for part in parts]).flatten(0, 1).cpu()
        self.set_codebook(first_codebook(latents, self.system.quantizer.arrangement.codewords))

    @torch.no_grad()
    def revive(self, rgb: Tensor) -> None:
        """Replace codewords that no token of this batch uses by random latents of it."""
        with self.accelerator.autocast():
            latents = self.system.tokenizer.analyse(resize(rgb, self.system.tokenizer.size)).float()
        _, indices = self.system.quantizer.encode(latents)
        codebook = self.system.quantizer.codebooks.detach().clone()
        unused = torch.bincount(indices.flatten(), minlength=codebook.shape[2]) == 0
        spare = latents.flatten(0, 1)
        at = torch.randint(len(spare), (int(unused.sum()),)).to(spare.device)
        codebook[0, 0, unused] = spare[at]
        self.set_codebook(codebook)

    def set_codebook(self, codebook: Tensor) -> None:
        """Set the codewords [1, 1, K, D] in every process to those of the first process."""
        from accelerate.utils import broadcast

        own = self.system.quantizer.codebooks
        own.copy_(broadcast(codebook.to(own)))

    def latents(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Latents float32 [B, T, D] of faces."""
        rgb, _ = to_tensors(self.pictures.faces[rows])
        size = self.system.tokenizer.size
        with self.accelerator.autocast():
            found: Tensor = self.system.tokenizer.analyse(
                resize(rgb.to(self.accelerator.device), size)
            )
        return found.float()

    def weights(self) -> dict[str, Any]:
        return {**super().weights(), "quantizer": self.system.quantizer.state_dict()}
