"""The folder of a run: its configuration, what every stage left, metrics and sheets.

config.json     the configuration that the folder belongs to
STAGE.pt        weights, optimisers and the number of steps made; finished if that is all
metrics.jsonl   one line for every few steps
sheets/         originals beside what the model makes of them
faces.npy, latents.npy   training data as the stages read it
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from stc.errors import StcError
from stc.lab.training.config import LevelsRun, TokenizerRun


class RunFolder:
    """A folder that one configuration owns, but for its numbers of steps.

    Raises StcError if another configuration owns it.
    """

    def __init__(self, path: Path, config: TokenizerRun | LevelsRun) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        wanted = as_json(config)
        kept = path / "config.json"
        if not kept.exists():
            write_text(kept, json.dumps(wanted, indent=1))
            return
        found = json.loads(kept.read_text())
        for key, (old, new) in _differences(found, wanted):
            if key.endswith("steps"):
                continue  # every stage keeps its own number
            raise StcError(
                f"{path} belongs to another run: {key} is {old!r} there and {new!r} here; "
                "give another --run, or the same settings"
            )

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """The folder of a run that another configuration owns, to read from."""
        folder = cls.__new__(cls)
        folder.path = path
        return folder

    def file(self, stage: str) -> Path:
        """Where a stage keeps its state."""
        return self.path / f"{stage}.pt"

    def save(self, stage: str, state: dict[str, Any]) -> None:
        """Write the state of a stage, whole or not at all."""
        partial = self.path / f"{stage}.partial"
        torch.save(state, partial)
        partial.replace(self.file(stage))

    def load(self, stage: str) -> dict[str, Any] | None:
        """The state of a stage, if it has been begun; on the CPU."""
        if not self.file(stage).exists():
            return None
        state: dict[str, Any] = torch.load(self.file(stage), "cpu", weights_only=True)
        return state

    def weights(self, stage: str) -> dict[str, Any]:
        """The weights that a finished stage left. Raises StcError if it is not finished."""
        state = self.load(stage)
        if state is None:
            raise StcError(f"{self.path}: stage {stage} comes first and has not been begun")
        if state["step"] < state["steps"]:
            raise StcError(
                f"{self.path}: stage {stage} comes first and has made {state['step']} of "
                f"{state['steps']} steps"
            )
        return state["weights"]  # type: ignore[no-any-return]

    def log(self, stage: str, step: int, metrics: dict[str, float]) -> None:
        """Append one line to metrics.jsonl."""
        line = {"stage": stage, "step": step, **{k: round(v, 6) for k, v in metrics.items()}}
        with (self.path / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def rewind(self, stage: str, step: int) -> None:
        """Forget the metrics that a killed run wrote after its last checkpoint."""
        path = self.path / "metrics.jsonl"
        if path.exists():
            lines = path.read_text().splitlines()
            old = [json.loads(line) for line in lines]
            kept = [
                line
                for line, row in zip(lines, old, strict=True)
                if row["stage"] != stage or row["step"] <= step
            ]
            write_text(path, "".join(f"{line}\n" for line in kept))

    def sheet(self, name: str, rows: Tensor) -> None:
        """Write pictures [N, columns, 3, H, W] in [0, 1] as one, N rows of them."""
        number, _, _, height, _ = rows.shape
        pixels = rows.clamp(0, 1).permute(0, 3, 1, 4, 2).reshape(number * height, -1, 3)
        folder = self.path / "sheets"
        folder.mkdir(exist_ok=True)
        Image.fromarray((pixels * 255).round().byte().cpu().numpy()).save(folder / f"{name}.png")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # processes may write at once
    partial.write_text(text)
    partial.replace(path)


def as_json(config: object) -> dict[str, Any]:
    """A configuration as a JSON file holds it: tuples are lists."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]
    return values


def _differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Every dotted key at which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{where}.{key}" if where else key
            yield from _differences(old.get(key), new.get(key), inner)
    elif old != new:
        yield where, (old, new)
