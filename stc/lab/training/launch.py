"""Devices and processes of a run, by Hugging Face `accelerate`; seeds and interruption."""

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
    """The Accelerator of this run; `accelerate launch` or `torchrun` start several processes.

    precision: "bf16" (autocast) or "fp32".
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs

    return Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no",
        # In the first steps of stage `base` the codebook has no gradient.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def seed_step(seed: int, stage: str, step: int, process: int) -> None:
    """Seed torch's global random generator for one step.

    The random numbers of a step depend only on its number, so that a resumed run needs no generator
    state. Each process gets different numbers.
    """
    words = [seed, *stage.encode(), step, process]
    torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1))


def rows_of_step(
    rows: npt.NDArray[np.int64], batch: int, step: int, seed: int, process: int, processes: int
) -> npt.NDArray[np.int64]:
    """The rows of the training data that one process uses in one step.

    The batch is divided among the processes. The rows of each epoch are shuffled anew. A batch
    larger than the data is reduced to the size of the data.
    """
    batch = min(batch, len(rows))
    epoch, place = divmod(step, len(rows) // batch)
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    return order[place * batch : (place + 1) * batch][process::processes]


@dataclass
class Interruption:
    """Whether a signal has requested that the run stops."""

    wanted: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """A context in which SIGINT and SIGTERM only set `wanted`, so that a step can finish.

    A second signal raises KeyboardInterrupt at once.
    """
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
