"""Stage `base` of the patch tokenizer: a closed-form fit in a single step."""

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
    """Fits principal components of patches and one codebook by k-means, and loads a decoder.

    It is a `loop.Stage` of one step. Raises StcError if the decoder of the model `plan.start` has
    another shape.
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
        """Load the weights of a shipped model's decoder. Raises StcError if its shape differs."""
        (_, shipped), own = load_modules(open_model(model)), self.tokenizer.decoder
        if shipped.widths != own.widths:
            raise StcError(f"base.start: the decoder of {model} has widths {shipped.widths}")
        own.load_state_dict(shipped.state_dict())

    @torch.no_grad()
    def step(self, number: int) -> dict[str, Tensor]:
        """Fit everything in this step, the only one."""
        seed = self.system.config.seed
        torch.manual_seed(seed)  # so that all processes compute the same
        rows = np.random.default_rng(seed).permutation(self.pictures.training)[: self.plan.faces]
        planes, seen = visible_planes(self.pictures.faces[np.sort(rows)])
        own = self.tokenizer.cpu()
        views = []
        for order in (slice(None), MIRROR):
            # Patches with filled pixels are left out.
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
        """As `loop.Stage.weights`."""
        return {
            "tokenizer": self.tokenizer.state_dict(),
            "quantizer": self.system.quantizer.state_dict(),
        }

    def state(self) -> dict[str, Any]:
        """As `loop.Stage.state`; there is none."""
        return {}

    def restore(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """As `loop.Stage.restore`."""
        for name, own in weights.items():
            self.system.get_submodule(name).load_state_dict(own)

    def measure(self, sheet: bool) -> tuple[dict[str, float], Tensor | None]:
        """As `loop.Stage.measure`."""
        return measure(self.system, self.pictures, self.accelerator, sheet)
