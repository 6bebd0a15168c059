"""The folder of a training run: configuration, checkpoints, metrics and sheets of pictures.

config.json     the configuration of the run
STAGE.pt        the checkpoint of a stage: weights, optimisers, and the number of steps made
metrics.jsonl   one JSON object for every few steps
sheets/         pictures of original and decoded faces
faces.npy, latents.npy   training data in the form that the stages read
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stc.errors import StcError
from stc.lab.training.config import LevelsRun, TokenizerRun
from stc.lab.training.sheet import write_sheet


class RunFolder:
    """The folder of the run of a configuration; it is created if it is missing.

    Raises StcError if the folder has a configuration that differs in more than numbers of steps.
    """

    def __init__(self, path: Path, config: TokenizerRun | LevelsRun) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        wanted = as_json(config)
        kept = path / "config.json"
        if not kept.exists():
            write_text(kept, json.dumps(wanted, indent=1))
            return
        found = json.loads(kept.read_text(encoding="utf-8"))
        for key, (old, new) in _differences(found, wanted):
            if key.endswith("steps"):
                continue  # each stage's checkpoint has its number of steps
            raise StcError(
                f"{path} belongs to another run: {key} is {old!r} there and {new!r} here; "
                "give another --run, or the same settings"
            )

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Open the folder of a run with another configuration, for reading."""
        folder = cls.__new__(cls)
        folder.path = path
        return folder

    def file(self, stage: str) -> Path:
        """The path of a stage's checkpoint."""
        return self.path / f"{stage}.pt"

    def save(self, stage: str, state: dict[str, Any]) -> None:
        """Write the checkpoint of a stage, atomically."""
        partial = self.path / f"{stage}.partial"
        torch.save(state, partial)
        partial.replace(self.file(stage))

    def load(self, stage: str) -> dict[str, Any] | None:
        """The checkpoint of a stage, on the CPU; None if there is none."""
        if not self.file(stage).exists():
            return None
        state: dict[str, Any] = torch.load(self.file(stage), "cpu", weights_only=True)
        return state

    def weights(self, stage: str) -> dict[str, Any]:
        """The weights of a finished stage. Raises StcError if it is not finished."""
        state = self.load(stage)
        if state is None:
            raise StcError(f"{self.path}: stage {stage} comes first and has not been started")
        if state["step"] < state["steps"]:
            raise StcError(
                f"{self.path}: stage {stage} comes first and has made {state['step']} of "
                f"{state['steps']} steps"
            )
        return state["weights"]  # type: ignore[no-any-return]

    def log(self, stage: str, step: int, metrics: dict[str, float]) -> None:
        """Append a line to metrics.jsonl; step: the number of steps made."""
        line = {"stage": stage, "step": step, **{k: round(v, 6) for k, v in metrics.items()}}
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def rewind(self, stage: str, step: int) -> None:
        """Delete a stage's metrics after `step`: a killed run can have logged steps not saved."""
        path = self.path / "metrics.jsonl"
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            old = [json.loads(line) for line in lines]
            kept = [
                line
                for line, row in zip(lines, old, strict=True)
                if row["stage"] != stage or row["step"] <= step
            ]
            write_text(path, "".join(f"{line}\n" for line in kept))

    def sheet(self, name: str, rows: Tensor) -> None:
        """Write pictures [N, columns, 3, H, W] in [0, 1] to sheets/NAME.png, in N rows."""
        write_sheet(self.path / "sheets" / f"{name}.png", rows)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # a name for each process
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def as_json(config: object) -> dict[str, Any]:
    """A configuration in the types of JSON: tuples become lists."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]
    return values


def _differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield every dotted key at which two JSON values differ, and both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{where}.{key}" if where else key
            yield from _differences(old.get(key), new.get(key), inner)
    elif old != new:
        yield where, (old, new)
