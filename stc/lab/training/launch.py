"""One CPU, one GPU or many: Hugging Face `accelerate`, and randomness that can be resumed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

if TYPE_CHECKING:
    from accelerate import Accelerator


def launcher(precision: str) -> Accelerator:
    """The processes of this run; `accelerate launch` or `torchrun` start more than one.

    precision: "bf16" (autocast) or "fp32".
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs

    return Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no",
        # The codebook has no part in the first steps of stage `base`.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def seed_step(seed: int, stage: str, step: int, process: int) -> None:
    """Seed every generator for one step.

    What a step draws depends on its number alone, so that a resumed run needs no generator's
    state, and each process draws numbers of its own.
    """
    words = [seed, *stage.encode(), step, process]
    torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1))


def rows_of_step(
    rows: npt.NDArray[np.int64], batch: int, step: int, seed: int, process: int, processes: int
) -> npt.NDArray[np.int64]:
    """The rows that a process learns from in one step.

    The whole batch is dealt to the processes; every epoch has an order of its own. A batch
    that is larger than the data is as large as the data.
    """
    batch = min(batch, len(rows))
    epoch, place = divmod(step, len(rows) // batch)
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    return order[place * batch : (place + 1) * batch][process::processes]


@dataclass
class Interruption:
    """Whether somebody asked the run to stop."""

    wanted: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Let Ctrl-C and SIGTERM wait for the end of the step; a second one does not wait."""
    asked = Interruption()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.wanted:
            raise KeyboardInterrupt
        asked.wanted = True

    old: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            old[number] = signal.signal(number, ask)
        yield asked
    finally:
        for installed, handler in old.items():
            signal.signal(installed, handler)
