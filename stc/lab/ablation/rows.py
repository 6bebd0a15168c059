"""The rows of the ablation: configurations, seeds and numbers of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stc.errors import StcError
from stc.lab.training import configs
from stc.lab.training.config import TokenizerRun, load

PREFIX = "ablation/"
# The two extremes of the comparison, which are repeated with other seeds.
ENDS, SEEDS = ("global", "both-16-exhaustive"), 3


@dataclass(frozen=True)
class Row:
    """A configuration with a seed."""

    size: str  # bytes, as in the name of the configuration
    name: str
    seed: int
    config: TokenizerRun

    @property
    def key(self) -> str:
        """The unique name of the row, and of its files."""
        return f"{self.size}-{self.name}-{self.seed}"


def rows(scale: float, names: Sequence[str] = ()) -> list[Row]:
    """The rows, sorted by size, seed, number of groups and name.

    scale: the factor of the steps of every stage. names: SIZE-NAME or NAME of the rows to select;
    all if empty. Raises StcError if no row is selected.
    """
    found = []
    for name in configs.shipped():
        if not name.startswith(PREFIX):
            continue
        size, _, short = name.removeprefix(PREFIX).partition("-")
        if names and not {f"{size}-{short}", short} & set(names):
            continue
        for seed in range(SEEDS if short in ENDS else 1):
            config = load(name, _scaled(name, scale, seed))
            if isinstance(config, TokenizerRun):
                found.append(Row(size, short, seed, config))
    if not found:
        raise StcError(f"no row of the ablation is called {', '.join(names)}")
    return sorted(found, key=lambda r: (int(r.size), r.seed, r.config.arrangement.groups, r.name))


def _scaled(name: str, scale: float, seed: int) -> dict[str, Any]:
    """Changes of the configuration that multiply every stage's steps by `scale`."""
    changes: dict[str, Any] = {"seed": seed}
    for stage, plan in configs.read(name).items():
        if isinstance(plan, dict) and "steps" in plan:
            changes[stage] = {"steps": max(1, round(plan["steps"] * scale))}
    return changes
