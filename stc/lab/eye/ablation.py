"""Ablation of encoding by synthesis: measures the effect of changing one parameter at a time.

    python -m stc.lab.eye.ablation FACES.tar NETS [-n 96] [--first 0] [--every 1] [--bytes 96,192]

NETS is the folder of the training networks. The output is a table in Markdown. All rows encode the
same faces; differences are to the default effort, with one standard error over faces. dlib took no
part in training; faceres took part in the metric and the decoder's training, but not in the eye's.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.codec.engine import CpuEngine
from stc.codec.model_file import open_model
from stc.codec.synthesis import PLANS, Plan
from stc.lab.eye.measure import Judges, add_faces, chosen_faces, limit_of
from stc.recognition.base import Faces
from stc.settings import DEFAULT_EFFORT

Figures = dict[str, npt.NDArray[np.float64]]

DEFAULT = PLANS[DEFAULT_EFFORT - 1]
COLUMNS = ("dlib", "faceres", "lpips", "psnr")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str  # the difference to the default
    plan: Plan | None  # None: without synthesis


def rows() -> list[Row]:
    """All lines of the table; the first one is the default."""
    found = [Row("default", DEFAULT), Row("nearest tokens", None)]
    for rounds in (1, 3, 8, 12):
        found.append(Row(f"{rounds} rounds", replace(DEFAULT, rounds=rounds)))
    for step in (0.1, 0.3):
        found.append(Row(f"step {step:g}", replace(DEFAULT, step=step)))
    for anchor in (0.0, 0.2):
        found.append(Row(f"anchor {anchor:g}", replace(DEFAULT, anchor=anchor)))
    for weight in (0.0, 1.0, 10.0):
        found.append(Row(f"perception {weight:g}", replace(DEFAULT, perception=weight)))
    for groups in (2, 4):
        found.append(Row(f"best of {groups} groups", replace(DEFAULT, groups=groups)))
    return found


def measure(sources: Faces, nets: Path, sizes: list[int]) -> Iterator[tuple[int, Row, Figures]]:
    """Yield (bytes, row, figures [N] by name) for all sizes and rows.

    sources: the faces uint8 [N, 128, 128, 3]; nets: as for `Judges`; sizes: limits in bytes.
    """
    model = open_model(None)
    engine, judges = CpuEngine(model), Judges(nets, sources)
    for size, row in itertools.product(sizes, rows()):
        limit = limit_of(model.tables, size)
        components, tokens = engine.tokenize(sources, limit)
        if row.plan is not None:
            tokens = engine.improve_by(row.plan, sources, components, tokens, limit)
        yield size, row, judges.each(engine.draw(tokens))


def line(row: Row, own: Figures, default: Figures) -> str:
    """A line of the table: the default's means, or the mean differences of others to it."""
    cells = []
    for name in COLUMNS:
        values = own[name] - default[name] if own is not default else own[name]
        digits = 2 if name == "psnr" else 4
        error = values.std(ddof=1) / len(values) ** 0.5
        sign = "+" if own is not default else ""
        cells.append(f"{values.mean():{sign}.{digits}f} ± {error:.{digits}f}")
    return f"| {row.part} | {' | '.join(cells)} |"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_faces(parser, 96)
    parser.add_argument("--bytes", default="48,96,192", metavar="N,N")
    options = parser.parse_args()
    sources = chosen_faces(options)
    sizes = [int(size) for size in options.bytes.split(",")]
    default: Figures = {}
    for size, row, figures in measure(sources, options.nets, sizes):
        if row.plan is DEFAULT:
            default = figures
            print(f"\n{size} bytes, {len(sources)} faces:\n")
            print(f"| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
        print(line(row, figures, default), flush=True)


if __name__ == "__main__":
    main()
