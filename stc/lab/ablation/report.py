"""The ablation's finished rows as a page: two tables between two marks, and a plot beside it.

What stands outside the marks is prose that people wrote, and stays.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stc.errors import StcError
from stc.lab.training.run import write_text

BEGIN = "<!-- made by python -m stc.lab.ablation -->"
END = "<!-- end of what it made -->"
NORMAL_95 = 1.96
REFERENCE = "global"  # the row that others are compared with, face by face

PAGE = f"""# Do groups, and codebooks of one's own for every token, pay?

STSCQ (arXiv 2510.22943) gives every token its own codebook, and every image one of G groups of
them. Here each way to hold codebooks is trained on linear patches at two sizes: principal
components of the cells of an 8x8 or 16x16 grid, the same basis for all cells, nearly lossless, and
the shipped model's decoder to draw them. What a row loses, its quantizer loses. All rows of a size
share that base; data, steps and stages are equal, the last one (decoder alone) included. Entropy
coding is off: an image costs T log2 K + log2 G bits.

* `global`: one codebook; `specific`: one for every token.
* `switchable-G-R`: G codebooks for all tokens; `both-G-R`: G for every token. R is the routing:
  the group of least error (exhaustive), or the one that a small network names (learned).
* `both-16-pulled`: 16 groups that share most of their codebooks (each codeword is pulled towards
  the mean of all groups, with the weight of 4 images); `both-16-moved`: 16 groups that have one
  codebook in common and differ by an offset alone.

{BEGIN}
{END}
"""

Result = dict[str, Any]


def report(results: Path, page: Path) -> None:
    """Write the tables into `page` and the plot beside it. Raises StcError without any result."""
    found = read_results(results)
    if not found:
        raise StcError(f"{results}: no finished rows")
    text = page.read_text() if page.exists() else PAGE
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise StcError(f"{page}: the marks between which the tables go are missing")
    picture = page.with_suffix(".png")
    plot(found, picture)
    made = [
        conditions(found, results),
        f"![Accuracy and identity of every row]({picture.name})",
        quality_table(found, results),
        cost_table(found),
    ]
    write_text(page, f"{before}{BEGIN}\n\n" + "\n\n".join(made) + f"\n\n{END}{after}")


def read_results(folder: Path) -> list[Result]:
    """Every finished row, in order of size, groups and name."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*-*.json"))]
    return sorted(found, key=lambda r: (int(r["size"]), r["groups"], r["name"], r["seed"]))


def conditions(found: list[Result], results: Path) -> str:
    """What all rows have in common."""
    first = found[0]
    steps = ", ".join(f"{stage} {number}" for stage, number in first["steps"].items())
    originals = json.loads((results / "originals.json").read_text())
    accuracy = f"{originals['dlib both']:.1%}" if "dlib both" in originals else "unknown"
    return (
        f"Steps of every row: {steps}. {first['pairs']} pairs; the judge is right on {accuracy} "
        "of the originals. ± is a 95 % interval over pairs or faces, on these very pictures; "
        "rows with several seeds show how much training alone moves a figure."
    )


def quality_table(found: list[Result], results: Path) -> str:
    """What survives. Difference: of identity to the row of the same size and seed 0, by face."""
    head = ["bytes", "row", "seed", "PSNR, dB", "LPIPS"]
    head += ["both sides", "one side", "identity cosine", f"cosine minus {REFERENCE}'s"]
    lines = [head, ["---"] * len(head)]
    for row in found:
        cells = [f"{row['bits'] / 8:.1f}", row["name"], str(row["seed"]), f"{row['psnr']:.2f}"]
        cells.append(f"{row['lpips']:.3f}" if "lpips" in row else "")
        judge = _judge(row)
        for sides in ("both", "one"):
            error = NORMAL_95 * row[f"{judge} {sides} +-"]
            cells.append(f"{row[f'{judge} {sides}']:.1%} ± {error:.1%}")
        cells.append(f"{row[f'{judge} cosine']:.4f} ± {NORMAL_95 * row['cosine +-']:.4f}")
        lines.append([*cells, _difference(row, results)])
    return _markdown(lines)


def cost_table(found: list[Result]) -> str:
    """Where bits and time go; the error is a share of the latents' variance."""
    head = ["bytes", "row", "seed", "error, training", "held out", "codewords used", "groups used"]
    head += ["exhaustive, ms", "learned, ms"]
    lines = [head, ["---"] * len(head)]
    for row in found:
        cells = [f"{row['bits'] / 8:.1f}", row["name"], str(row["seed"])]
        cells += [f"{row['error_training']:.4f}", f"{row['error_held_out']:.4f}"]
        cells += [f"{row['codewords_used']:.0%}", f"{row['groups_used']:.1f} of {row['groups']}"]
        cells.append(f"{row['exhaustive_ms']:.3f}")
        lines.append([*cells, f"{row['learned_ms']:.3f}" if "learned_ms" in row else ""])
    return _markdown(lines)


def _difference(row: Result, results: Path) -> str:
    """Mean over faces of the cosine minus the reference row's, with its interval."""
    own = results / f"{row['size']}-{row['name']}-{row['seed']}.npy"
    other = results / f"{row['size']}-{REFERENCE}-0.npy"
    if own == other or not (own.exists() and other.exists()):
        return ""
    difference = np.load(own) - np.load(other)
    error = NORMAL_95 * difference.std() / np.sqrt(len(difference))
    return f"{difference.mean():+.4f} ± {error:.4f}"


def _judge(row: Result) -> str:
    """The name of the judge whose figures a row holds."""
    return next(key.removesuffix(" both") for key in row if key.endswith(" both"))


def _markdown(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def plot(found: list[Result], path: Path) -> None:
    """Accuracy and identity of every row with 95 % intervals, a line of panels for each size."""
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
