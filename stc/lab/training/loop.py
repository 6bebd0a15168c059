"""The training loop of all stages: steps, log, checkpoints, sheets and interruption."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from stc.errors import StcError
from stc.gallery.progress import hidden
from stc.lab.training.launch import interruption, seed_step
from stc.lab.training.run import RunFolder

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG_EVERY = 20  # steps


class StagePlan(Protocol):
    """The part of a stage's configuration that the loop uses."""

    @property
    def steps(self) -> int: ...

    @property
    def save_every(self) -> int: ...


class Stage(Protocol):
    """A stage of training; each step depends only on its number and the stage's state."""

    name: str

    @property
    def plan(self) -> StagePlan:
        """Its configuration."""

    def step(self, number: int) -> dict[str, Tensor]:
        """Make step `number`, counted from 0, and return scalars for the log."""

    def weights(self) -> dict[str, Any]:
        """The weights for later stages: state dicts by the names of modules."""

    def state(self) -> dict[str, Any]:
        """The state that resuming needs besides the weights, such as the optimiser's."""

    def restore(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Load the results of `weights` and `state`."""

    def measure(self, sheet: bool) -> tuple[dict[str, float], Tensor | None]:
        """Measurements on held-out faces, and if `sheet`, pictures [N, columns, 3, H, W]."""


def run_stage(stage: Stage, folder: RunFolder, accelerator: Accelerator, seed: int) -> None:
    """Make the remaining steps of a stage, from its checkpoint if there is one.

    Raises KeyboardInterrupt after an interruption, when the checkpoint has been written, and
    StcError if the checkpoint is for another number of steps.
    """
    plan, name = stage.plan, stage.name
    step = _resume(stage, folder)
    if _main(accelerator) and step < plan.steps:
        folder.rewind(name, step)
    if step >= plan.steps and folder.file(name).exists():
        return
    start, first = time.monotonic(), step
    quiet = hidden() if _main(accelerator) else True
    bar = tqdm(total=plan.steps, initial=step, desc=name, disable=quiet)
    with interruption() as asked, bar:
        while step < plan.steps:
            seed_step(seed, name, step, accelerator.process_index)
            metrics = stage.step(step)
            step += 1
            bar.update()
            last = step == plan.steps
            stop = _any(asked.wanted, accelerator)
            if _main(accelerator) and (step % LOG_EVERY == 0 or last):
                figures = {key: float(value) for key, value in metrics.items()}
                bar.set_postfix({key: f"{value:.4g}" for key, value in list(figures.items())[:3]})
                figures["seconds"] = (time.monotonic() - start) / (step - first)
                folder.log(name, step, figures)
            if _main(accelerator) and (step % plan.save_every == 0 or last or stop):
                _save(stage, folder, step)
            sheet_every = getattr(plan, "sheet_every", plan.steps)
            if _main(accelerator) and (step % sheet_every == 0 or last):
                _measure(stage, folder, step)
            if stop and not last:
                raise KeyboardInterrupt
    if plan.steps == 0 and _main(accelerator):
        _save(stage, folder, 0)
    accelerator.wait_for_everyone()


def _main(accelerator: Accelerator) -> bool:
    return bool(accelerator.is_main_process)


def _any(wanted: bool, accelerator: Accelerator) -> bool:
    """Whether any process has been interrupted: all processes must stop at the same step."""
    if accelerator.num_processes == 1:
        return wanted
    flag = torch.tensor([float(wanted)], device=accelerator.device)
    return bool(accelerator.reduce(flag, "sum").item() > 0)


def _resume(stage: Stage, folder: RunFolder) -> int:
    kept = folder.load(stage.name)
    if kept is None:
        return 0
    step, steps = int(kept["step"]), int(kept["steps"])
    if steps != stage.plan.steps:
        raise StcError(
            f"{folder.path}: stage {stage.name} was started for {steps} steps, not "
            f"{stage.plan.steps}: give the same number, or another --run"
        )
    stage.restore(kept["weights"], kept["state"])
    return step


def _save(stage: Stage, folder: RunFolder, step: int) -> None:
    kept = {"step": step, "steps": stage.plan.steps}
    folder.save(stage.name, {**kept, "weights": stage.weights(), "state": stage.state()})


def _measure(stage: Stage, folder: RunFolder, step: int) -> None:
    figures, pictures = stage.measure(sheet=True)
    folder.log(stage.name, step, {f"held_out_{key}": value for key, value in figures.items()})
    if pictures is not None:
        folder.sheet(f"{stage.name}-{step:06d}", pictures)
