"""The common part of the trainings of decoder and upscaler: optimisation, critic, checkpoints.

A run continues from the checkpoint in its folder as if it had not been stopped.
"""

from __future__ import annotations

import copy
import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from stc.gallery.progress import hidden
from stc.lab.training.critic import Critic, critic_loss
from stc.lab.training.precision import mixed
from stc.lab.training.schedule import learning_rate
from stc.lab.training.sheet import write_sheet

_Fast = TypeVar("_Fast", bound=nn.Module | Tensor)


@dataclass(frozen=True)
class AdversarialPlan:
    """The configuration of a network's training."""

    steps: int
    batch: int = 24
    rate: float = 1e-3  # learning rate
    warm_up: int = 300  # steps
    average: float = 0.999  # decay of the moving average of the weights, the result of the training
    pixels: float = 3.0  # weight of the squared error of pixels in [-1, 1]
    perception: float = 0.4  # weight of LPIPS
    identity: float = 1.0  # weight of 1 - cosine of the recognition models' embeddings
    critic_from: float = 0.6  # share of the steps before the critic is used
    critic: float = 0.02  # weight of the critic
    save_every: int = 250  # steps between checkpoints
    sheet_every: int = 1000  # steps between sheets of pictures


class AdversarialTrainer(ABC):
    """Training of a network that decodes pictures, with losses and a critic.

    In `folder`, STAGE.pt is the checkpoint, metrics.jsonl has a line for every 50 steps, and
    sheets/ has pictures.
    """

    stage = ""  # the name of the checkpoint and of the progress bar

    def __init__(
        self,
        network: nn.Module,
        training: npt.NDArray[np.int64],
        plan: AdversarialPlan,
        folder: Path,
    ) -> None:
        """training: the rows of the faces in an epoch, with repetitions."""
        self.network = channels_last(network).requires_grad_(True)
        self.training, self.folder, self._plan = training, folder, plan
        self.critic = channels_last(Critic())
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), plan.rate, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.critic_optimiser = torch.optim.AdamW(
            self.critic.parameters(), lr=4e-4, betas=(0.0, 0.99)
        )
        self.step = 0
        if self.checkpoint.exists():
            self.restore()

    @abstractmethod
    def losses(self) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """Compute the loss of this step, scalars for the log, originals and decoded pictures.

        The pictures [B, 3, H, W] are RGB in [-1, 1], for the critic.
        """

    @abstractmethod
    def sheet(self) -> None:
        """Write a picture of decoded validation faces beside their originals to sheets/."""

    @property
    def checkpoint(self) -> Path:
        """The path of the checkpoint."""
        return self.folder / f"{self.stage}.pt"

    @property
    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "network": self.network,
            "average": self.average,
            "critic": self.critic,
            "optimiser": self.optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    def save(self) -> None:
        """Write the checkpoint, atomically."""
        state = {name: part.state_dict() for name, part in self._stateful.items()}
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({**state, "step": self.step, "generator": torch.get_rng_state()}, partial)
        partial.replace(self.checkpoint)

    def restore(self) -> None:
        """Load the checkpoint, including the state of torch's random generator."""
        state = torch.load(self.checkpoint, weights_only=True)
        for name, part in self._stateful.items():
            part.load_state_dict(state[name])
        self.step = state["step"]
        torch.set_rng_state(state["generator"])

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """The faces of one step, which depend only on its number, so that a run can be resumed."""
        size = self._plan.batch
        epoch, place = divmod(step, len(self.training) // size)
        order = np.random.default_rng(epoch).permutation(self.training)
        return order[place * size : (place + 1) * size]

    def train(self) -> None:
        """Make the remaining steps of the plan."""
        plan, done = self._plan, self.step
        progress = tqdm(
            total=plan.steps, initial=done, desc=self.stage, mininterval=10, disable=hidden()
        )
        start = time.monotonic()
        while self.step < plan.steps:
            metrics = self.train_step()
            progress.update()
            if self.step % 50 == 0 or self.step == plan.steps:
                metrics |= {"step": self.step, "seconds": round(time.monotonic() - start, 1)}
                with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps({"stage": self.stage, **metrics}) + "\n")
            if self.step % plan.save_every == 0 or self.step == plan.steps:
                self.save()
            if self.step % plan.sheet_every == 0 or self.step == plan.steps:
                self.sheet()

    def train_step(self) -> dict[str, float]:
        """Make a step of the network, and of the critic after `critic_from`; returns log values."""
        plan = self._plan
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(plan.rate, self.step, plan.steps, plan.warm_up)
        loss, metrics, real, drawn = self.losses()
        if self.step >= plan.critic_from * plan.steps:
            metrics["critic"] = self.train_critic(real, drawn.detach())
            with mixed():
                loss = loss - plan.critic * self.critic(drawn).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        metrics["gradient"] = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.follow(min(plan.average, self.step / (self.step + 10)))
        return {name: round(value.item(), 5) for name, value in metrics.items()}

    def train_critic(self, real: Tensor, drawn: Tensor) -> Tensor:
        """Make a step of the critic on original and decoded faces [B, 3, H, W] -> its loss."""
        with mixed():
            loss = critic_loss(*self.critic(torch.cat([real, drawn])).chunk(2))
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return loss.detach()

    def weighed(
        self, error: Tensor, perceived: Tensor, cosine: Tensor, pixels: float | Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss with the plan's weights, and its parts for the log.

        error, perceived: squared error and LPIPS of each face, [B]. cosine: of the embeddings of
        decoded and original faces. pixels: the weight of the squared error, a scalar or [B].
        """
        plan = self._plan
        loss = (
            (pixels * error).mean()
            + plan.perception * perceived.mean()
            + plan.identity * (1 - cosine).mean()
        )
        parts = {"mse": error, "lpips": perceived, "identity": cosine}
        return loss, {"loss": loss, **{name: part.mean() for name, part in parts.items()}}

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Update the moving average of the weights."""
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, 1 - decay)

    def write_sheet(self, columns: list[Tensor]) -> None:
        """Write columns of pictures [N, 3, H, W] in [0, 1] to sheets/, with a row for each face."""
        path = self.folder / "sheets" / f"{self.stage}-{self.step:06d}.png"
        write_sheet(path, torch.stack(columns, 1))


def channels_last(module: _Fast) -> _Fast:
    """Weights or pictures in the memory layout that is fastest for convolutions on a CPU."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, return-value]
