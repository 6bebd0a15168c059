"""Stage `base` of the patch tokenizer: fitted in closed form, in a single step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stc.codec.model_file import open_model
from stc.codec.torch.load import load_modules
from stc.errors import StcError
from stc.lab.tokenizers import PatchTokenizer
from stc.lab.training.base_stage import first_codebook
from stc.lab.training.borders import visible_planes
from stc.lab.training.config import PatchFit
from stc.lab.training.pictures import Pictures, measure
from stc.lab.training.subspace import MIRROR
from stc.lab.training.system import System

if TYPE_CHECKING:
    from accelerate import Accelerator


class PatchTraining:
    """Principal components of patches, k-means for one codebook, and a decoder to start from.

    Raises StcError if the decoder of the model to start from has another shape.
    """

    name = "base"

    def __init__(
        self, system: System, pictures: Pictures, plan: PatchFit, accelerator: Accelerator
    ) -> None:
        self.system, self.pictures, self.plan = system, pictures, plan
        self.accelerator = accelerator
        system.to(accelerator.device)
        self.tokenizer: PatchTokenizer = system.tokenizer
        if plan.start is not None:
            self.take_decoder(plan.start)

    def take_decoder(self, model: str) -> None:
        """Start from the decoder of a shipped model."""
        (_, shipped), own = load_modules(open_model(model)), self.tokenizer.decoder
        if shipped.widths != own.widths:
            raise StcError(f"base.start: the decoder of {model} has widths {shipped.widths}")
        own.load_state_dict(shipped.state_dict())

    @torch.no_grad()
    def step(self, number: int) -> dict[str, Tensor]:
        """Fit everything; there is one step, number 0."""
        seed = self.system.config.seed
        torch.manual_seed(seed)  # every process finds the same
        rows = np.random.default_rng(seed).permutation(self.pictures.training)[: self.plan.faces]
        planes, seen = visible_planes(self.pictures.faces[np.sort(rows)])
        own = self.tokenizer.cpu()
        views = []
        for order in (slice(None), MIRROR):
            # A patch of which no camera saw some part does not count.
            whole = own.patches(seen[:, order].float()).amin(2) > 0
            views.append(own.patches(planes[:, order])[whole])
        patches = torch.cat(views)
        own.mean.copy_(patches.mean(0))
        patches -= own.mean
        variance, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
        own.basis.copy_(axes.flip(1)[:, : own.dimensions])
        codewords = self.system.quantizer.arrangement.codewords
        codebook = first_codebook(patches @ own.basis, codewords)
        self.system.to(self.accelerator.device)
        self.system.quantizer.codebooks.copy_(codebook)
        return {"kept": variance.flip(0)[: own.dimensions].sum() / variance.sum()}

    def weights(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer.state_dict(),
            "quantizer": self.system.quantizer.state_dict(),
        }

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        for name, own in weights.items():
            self.system.get_submodule(name).load_state_dict(own)

    def measure(self, sheet: bool) -> tuple[dict[str, float], Tensor | None]:
        return measure(self.system, self.pictures, self.accelerator, sheet)
