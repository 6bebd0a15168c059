"""Writes the page of the ablation: two tables between two marks, and a plot in the same folder.

Text outside the marks is written by hand and is not changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stc.errors import StcError
from stc.lab.evaluation.metrics import NORMAL_95
from stc.lab.evaluation.report import table
from stc.lab.marks import between
from stc.lab.training.run import write_text

BEGIN = "<!-- made by python -m stc.lab.ablation -->"
END = "<!-- end of what it made -->"
REFERENCE = "global"  # the row with which others are compared, face by face

PAGE = f"""# Ablation: groups and token-specific codebooks

STSCQ (arXiv 2510.22943) gives every token its own codebook, and lets every image choose one of G
groups of codebooks. This page compares the arrangements at two sizes with equal training.

The tokenizer consists of linear patches: the principal components of the cells of an 8x8 or 16x16
grid, with the same basis for all cells. It is nearly lossless. The decoder of the shipped model
draws the patches, so the loss of a row is the loss of its quantizer. All rows of a size share this
base, the data, the number of steps and the stages of training, including the last one, which trains
only the decoder. There is no entropy coding: an image costs T log2 K + log2 G bits.

* `global`: one codebook for all tokens. `specific`: one codebook for every token.
* `switchable-G-R`: G codebooks for all tokens. `both-G-R`: G codebooks for every token. R is the
  routing: `exhaustive` takes the group with the least error, `learned` the group that a small
  network chooses.
* `both-16-pulled`: 16 groups that share most of their codebooks (each codeword is pulled towards
  the mean of all groups, with the weight of 4 images).
* `both-16-moved`: 16 groups that share one codebook and differ only by an offset.

{BEGIN}
{END}
"""

Result = dict[str, Any]


def report(results: Path, page: Path) -> None:
    """Write the tables into `page`, which is created if it is missing, and a plot in its folder.

    results: the folder of finished rows. Raises StcError if there are none, or the marks are
    missing in the page.
    """
    found = read_results(results)
    if not found:
        raise StcError(f"{results}: no finished rows")
    text = page.read_text(encoding="utf-8") if page.exists() else PAGE
    picture = page.with_suffix(".png")
    made = [
        conditions(found, results),
        f"![Accuracy and identity of every row]({picture.name})",
        quality_table(found, results),
        cost_table(found),
    ]
    text = between(text, BEGIN, END, "\n\n".join(made), page)
    plot(found, picture)
    write_text(page, text)


def read_results(folder: Path) -> list[Result]:
    """All finished rows, sorted by size, groups, name and seed."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*-*.json"))
    ]
    return sorted(found, key=lambda r: (int(r["size"]), r["groups"], r["name"], r["seed"]))


def conditions(found: list[Result], results: Path) -> str:
    """A paragraph on the conditions of all rows: steps, pairs and the judge's accuracy."""
    first = found[0]
    steps = ", ".join(f"{stage} {number}" for stage, number in first["steps"].items())
    originals = json.loads((results / "originals.json").read_text(encoding="utf-8"))
    accuracy = f"{originals['dlib both']:.1%}" if "dlib both" in originals else "unknown"
    return (
        f"Steps of every row: {steps}. {first['pairs']} pairs; the judge is right on {accuracy} "
        "of the originals. ± is a 95 % interval over pairs or faces, on these very pictures; "
        "rows with several seeds show how much training alone moves a figure."
    )


def quality_table(found: list[Result], results: Path) -> str:
    """The table of image quality and accuracy.

    Its last column is the difference of the identity cosine to the row REFERENCE of the same size
    with seed 0, over faces.
    """
    head = ["bytes", "row", "seed", "PSNR, dB", "LPIPS"]
    head += ["both sides", "one side", "identity cosine", f"cosine minus {REFERENCE}'s"]
    lines = []
    for row in found:
        cells = [f"{row['bits'] / 8:.1f}", row["name"], str(row["seed"]), f"{row['psnr']:.2f}"]
        cells.append(f"{row['lpips']:.3f}" if "lpips" in row else "")
        judge = _judge(row)
        for sides in ("both", "one"):
            error = NORMAL_95 * row[f"{judge} {sides} +-"]
            cells.append(f"{row[f'{judge} {sides}']:.1%} ± {error:.1%}")
        cells.append(f"{row[f'{judge} cosine']:.4f} ± {NORMAL_95 * row['cosine +-']:.4f}")
        lines.append([*cells, _difference(row, results)])
    return table(head, lines)


def cost_table(found: list[Result]) -> str:
    """The table of errors (relative to the latents' variance), codebook use and routing time."""
    head = ["bytes", "row", "seed", "error, training", "held out", "codewords used", "groups used"]
    head += ["exhaustive, ms", "learned, ms"]
    lines = []
    for row in found:
        cells = [f"{row['bits'] / 8:.1f}", row["name"], str(row["seed"])]
        cells += [f"{row['error_training']:.4f}", f"{row['error_held_out']:.4f}"]
        cells += [f"{row['codewords_used']:.0%}", f"{row['groups_used']:.1f} of {row['groups']}"]
        cells.append(f"{row['exhaustive_ms']:.3f}")
        lines.append([*cells, f"{row['learned_ms']:.3f}" if "learned_ms" in row else ""])
    return table(head, lines)


def _difference(row: Result, results: Path) -> str:
    """The mean difference of the cosine to the reference row, over faces, with its interval."""
    own = results / f"{row['size']}-{row['name']}-{row['seed']}.npy"
    other = results / f"{row['size']}-{REFERENCE}-0.npy"
    if own == other or not (own.exists() and other.exists()):
        return ""
    difference = np.load(own) - np.load(other)
    error = NORMAL_95 * difference.std() / np.sqrt(len(difference))
    return f"{difference.mean():+.4f} ± {error:.4f}"


def _judge(row: Result) -> str:
    """The name of the judge of a row."""
    return next(key.removesuffix(" both") for key in row if key.endswith(" both"))


def plot(found: list[Result], path: Path) -> None:
    """Plot accuracy and identity cosine of all rows with 95 % intervals, to `path`.

    Each size has a line of panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sizes = sorted({row["size"] for row in found}, key=int)
    names = [row["name"] for row in found if row["size"] == sizes[0]]
    tall = 1 + len(sizes) * (0.6 + 0.25 * len(set(names)))
    figure = Figure(figsize=(10, tall), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(sizes), 2, squeeze=False)
    for size, (left, right) in zip(sizes, panels, strict=True):
        own = [row for row in found if row["size"] == size]
        order = list(dict.fromkeys(row["name"] for row in own))[::-1]
        judge = _judge(own[0])
        for panel, key, error in (
            (left, f"{judge} both", f"{judge} both +-"),
            (right, f"{judge} cosine", "cosine +-"),
        ):
            panel.errorbar(
                [row[key] for row in own],
                [order.index(row["name"]) - 0.15 * row["seed"] for row in own],
                xerr=[NORMAL_95 * row[error] for row in own],
                fmt="o",
                markersize=4,
                capsize=2,
                color="tab:blue",
            )
            panel.set_yticks(range(len(order)), order if panel is left else [])
            panel.locator_params(axis="x", nbins=5)
            panel.grid(axis="x", alpha=0.3)
        left.set_title(f"{size} bytes: right by {judge}, both sides compressed", fontsize=9)
        right.set_title(f"{size} bytes: identity cosine by {judge}", fontsize=9)
    figure.savefig(path, dpi=120)
