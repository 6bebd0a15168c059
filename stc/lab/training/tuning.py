"""Stages `decoder` and `joint`: networks are trained on existing codebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.lab.training.base_stage import Autoencoder
from stc.lab.training.config import JointStage
from stc.lab.training.latents import Latents
from stc.lab.training.pictures import PictureStage
from stc.lab.training.system import System, drawing_parameters


class DecoderTraining(PictureStage):
    """Training of the decoder only, with frozen encoder and codebooks (stage 3 of STSCQ)."""

    name = "decoder"

    def __init__(self, *arguments: Any, latents: Latents) -> None:
        self.latents = latents
        super().__init__(*arguments)

    def wrap(self) -> nn.Module:
        return _Drawing(self.system)

    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        names = drawing_parameters(self.system.tokenizer)
        own = [p for name, p in self.system.tokenizer.named_parameters() if name in names]
        yield {"params": own, "share": 1.0}

    def loss(self, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        rgb, mask, flip = self.batch(number)
        views = self.latents[flip.long().numpy(), self.rows(number)]
        with torch.no_grad():
            latents = torch.from_numpy(views).to(self.accelerator.device).float()
            tokens = self.system.quantizer.encode(latents, self.system.route(latents))
            codewords = self.system.quantizer.decode(*tokens)
        return self.objective(self.model(codewords), rgb, mask)


class JointTraining(PictureStage):
    """Training of encoder, codebooks and decoder together, which STSCQ does not do."""

    name = "joint"
    plan: JointStage

    def wrap(self) -> nn.Module:
        return Autoencoder(self.system, self.system.router)

    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        names = drawing_parameters(self.system.tokenizer)
        every = dict(self.system.tokenizer.named_parameters())
        yield {"params": [every[name] for name in every if name in names], "share": 1.0}
        others = [every[name] for name in every if name not in names]
        yield {"params": others, "share": self.plan.encoder_share}
        books = [self.system.quantizer.codebooks]
        yield {"params": books, "share": self.plan.codebook_share, "weight_decay": 0.0}

    def loss(self, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        rgb, mask, _ = self.batch(number)
        output, latents, codewords, _ = self.model(rgb, False)
        loss, metrics = self.objective(output, rgb, mask)
        own = F.mse_loss(latents, codewords.detach())
        return loss + self.plan.commitment * own, {**metrics, "quantization": own.detach()}

    def weights(self) -> dict[str, Any]:
        return {**super().weights(), "quantizer": self.system.quantizer.state_dict()}


class _Drawing(nn.Module):
    """Codewords [B, T, D] -> pictures, as a module that accelerate can wrap."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.tokenizer = system.tokenizer

    def forward(self, codewords: Tensor) -> Tensor:
        return self.tokenizer.synthesise(codewords)  # type: ignore[no-any-return]
