"""The common part of the stages that train networks on pictures: data, steps, measurement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stc.lab.training.config import NetworkStage
from stc.lab.training.data import to_tensors
from stc.lab.training.launch import rows_of_step
from stc.lab.training.losses import masked_error
from stc.lab.training.objective import Objective
from stc.lab.training.schedule import learning_rate
from stc.lab.training.system import System

if TYPE_CHECKING:
    from accelerate import Accelerator

SHOWN, MEASURED = 8, 64  # held-out faces on a sheet, and in the measurement


@dataclass(frozen=True)
class Pictures:
    """Faces uint8 [N, 128, 128, 4], and the rows for training and for validation."""

    faces: npt.NDArray[np.uint8]
    training: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]

    @classmethod
    def split(cls, faces: npt.NDArray[np.uint8], held_out: int) -> Pictures:
        """Split faces; every `held_out`-th one, from the first, is for validation."""
        rows = np.arange(len(faces))
        return cls(faces, np.delete(rows, slice(None, None, held_out)), rows[::held_out])

    def rows(
        self, batch: int, step: int, seed: int, accelerator: Accelerator
    ) -> npt.NDArray[np.int64]:
        """The rows of this process in one step; batch: their number over all processes."""
        own = accelerator
        return rows_of_step(self.training, batch, step, seed, own.process_index, own.num_processes)


class PictureStage(ABC):
    """The base class of the stages `base`, `decoder` and `joint`; see `loop.Stage`."""

    name = ""
    model: nn.Module  # the module that `loss` calls, wrapped for several processes

    def __init__(
        self,
        system: System,
        pictures: Pictures,
        plan: NetworkStage,
        objective: Objective,
        accelerator: Accelerator,
    ) -> None:
        self.system, self.pictures, self.plan = system, pictures, plan
        self.objective, self.accelerator = objective, accelerator
        system.to(accelerator.device)
        system.tokenizer.to(memory_format=torch.channels_last)
        groups = list(self.parameter_groups())
        trained = {id(p) for group in groups for p in group["params"]}
        for parameter in system.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01)
        self.model, self.optimiser = accelerator.prepare(self.wrap(), optimiser)

    @abstractmethod
    def wrap(self) -> nn.Module:
        """The module whose `forward` a step calls; accelerate wraps it for several processes."""

    @abstractmethod
    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        """The optimiser's parameter groups; `share` is their share of the learning rate."""

    @abstractmethod
    def loss(self, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of step `number`, and scalars for the log."""

    def rows(self, number: int) -> npt.NDArray[np.int64]:
        """The faces of this process in step `number`."""
        seed = self.system.config.seed
        return self.pictures.rows(self.plan.batch, number, seed, self.accelerator)

    def batch(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """RGB [B, 3, 128, 128], mask [B, 1, 128, 128] and whether each face is mirrored [B]."""
        rgb, mask = to_tensors(self.pictures.faces[self.rows(number)])
        flip = torch.rand(len(rgb)) < 0.5
        rgb[flip], mask[flip] = rgb[flip].flip(3), mask[flip].flip(3)
        device = self.accelerator.device
        return rgb.to(device), mask.to(device), flip

    def step(self, number: int) -> dict[str, Tensor]:
        """As `loop.Stage.step`."""
        plan = self.plan
        rate = learning_rate(plan.rate, number, plan.steps, plan.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        loss, metrics = self.loss(number)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        metrics["gradient"] = self.accelerator.clip_grad_norm_(parameters, 1.0).detach()
        self.optimiser.step()
        return metrics

    def weights(self) -> dict[str, Any]:
        """As `loop.Stage.weights`."""
        return {"tokenizer": self.system.tokenizer.state_dict()}

    def state(self) -> dict[str, Any]:
        """As `loop.Stage.state`."""
        return {"optimiser": self.optimiser.state_dict()}

    def restore(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """As `loop.Stage.restore`."""
        for name, own in weights.items():
            self.system.get_submodule(name).load_state_dict(own)
        self.optimiser.load_state_dict(state["optimiser"])

    def measure(self, sheet: bool) -> tuple[dict[str, float], Tensor | None]:
        """As `loop.Stage.measure`."""
        return measure(self.system, self.pictures, self.accelerator, sheet)


@torch.no_grad()
def measure(
    system: System, pictures: Pictures, accelerator: Accelerator, sheet: bool
) -> tuple[dict[str, float], Tensor | None]:
    """PSNR in dB on held-out faces, without filled pixels; if `sheet`, originals and decoded faces.

    The pictures are [N, 2, 3, 128, 128].
    """
    every = max(1, len(pictures.validation) // MEASURED)
    rows = pictures.validation[::every][:MEASURED]
    rgb, mask = (x.to(accelerator.device) for x in to_tensors(pictures.faces[rows]))
    decoded = torch.cat([system.decode(*system.encode(part)) for part in rgb.split(16)])
    error = masked_error(decoded, rgb, mask)
    psnr = float((-10 * error.clamp_min(1e-10).log10()).mean())
    return {"psnr": psnr}, torch.stack([rgb, decoded], 1)[:SHOWN] if sheet else None
