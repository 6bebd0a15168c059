"""Plots and tables of accuracy, from the CSV files of docs/data.

    python docs/make_plots.py                                         # draw again
    python docs/make_plots.py --results OUT/results.csv --model NAME  # with new measurements

docs/data/NAME.csv has the measurements of the model NAME, in the format of results.csv as
`stc evaluate` writes it. Those of the default model become the table of README.md,
docs/benchmarks.md and the model card. Needs the extra `lab`.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stc.codec.model_file import DEFAULT
from stc.lab.evaluation.report import MIN_PAIRS_LOW_FAR

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGES = (ROOT / "README.md", DOCS / "benchmarks.md", ROOT / "stc/codec/weights/README.md")
BEGIN, END = "<!-- table of docs/make_plots.py -->", "<!-- end of table -->"
RIVALS = "rivals"  # the table of image codecs, with the default model on the same pairs
PROTOCOL, JUDGE = "lfw", "dlib"
NORMAL_95 = 1.96

Row = dict[str, str]


def read(name: str) -> list[Row]:
    """The rows of docs/data/NAME.csv for the protocol and the judge that are shown."""
    with open(DOCS / "data" / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if (row["protocol"], row["judge"]) == (PROTOCOL, JUDGE)]


def line(rows: list[Row], codec: str, sides: str = "both") -> list[Row]:
    """The rows of one codec, by limit."""
    own = [row for row in rows if (row["codec"], row["sides"]) == (codec, sides)]
    return sorted(own, key=lambda row: int(row["bytes_limit"] or 0))


def table(rows: list[Row]) -> str:
    """STC at every size, and the originals, in Markdown."""

    def number(row: Row, key: str, form: str) -> str:
        return format(float(row[key]), form) if row[key] else ""

    def accuracy(row: Row) -> str:
        return f"{number(row, 'accuracy', '.1%')} ± {number(row, 'stderr', '.1%')}"

    def tar(row: Row, far: str) -> str:
        mean, low, high = (
            number(row, f"tar_far_{far}{end}", ".1%") for end in ("", "_low", "_high")
        )
        return f"{mean} ({low} to {high})"

    head = ["bytes, at most", "mean", "PSNR, dB", "SSIM", "LPIPS", f"{JUDGE}: both sides"]
    low_far = min(int(row["pairs"]) for row in rows) >= MIN_PAIRS_LOW_FAR
    head += ["probe only", "cosine", "TAR at FAR 1 %"] + ["at 0.1 %"] * low_far
    lines = [head, ["---"] * len(head)]
    probes = {row["bytes_limit"]: row for row in line(rows, "stc", "probe")}
    for row in [*line(rows, "stc"), *line(rows, "originals")]:
        forms = (("bytes_mean", ".1f"), ("psnr", ".2f"), ("ssim", ".3f"), ("lpips", ".3f"))
        cells = [row["bytes_limit"] or "originals", *(number(row, *form) for form in forms)]
        cells += [accuracy(row), accuracy(probes.get(row["bytes_limit"], row))]
        cells += [number(row, "identity_cosine", ".3f"), tar(row, "1e2")] + [
            tar(row, "1e3")
        ] * low_far
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_table(page: str, made: str) -> str:
    """The text of a page with the table between its marks replaced. Raises ValueError."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def curve(axis: Axes, rows: list[Row], key: str, label: str, **style: object) -> None:
    """A column over bytes; accuracies with 95 % intervals, where there is a standard error."""
    rows = [row for row in rows if row[key]]
    errors = None
    if key == "accuracy" and all(row["stderr"] for row in rows):
        errors = [NORMAL_95 * float(row["stderr"]) for row in rows]
    sizes = [float(row["bytes_mean"] or row["bytes_limit"]) for row in rows]
    values = [float(row[key]) for row in rows]
    axis.errorbar(sizes, values, yerr=errors, label=label, capsize=2, marker="o", ms=3, **style)


def over_bytes(axis: Axes, title: str, rows: list[Row]) -> None:
    """Axes of a plot over the size of a file."""
    # A limit far above what a model can use is no tick.
    limits = [
        (int(r["bytes_limit"]), float(r["bytes_mean"] or 0)) for r in rows if r["bytes_limit"]
    ]
    sizes = sorted({limit for limit, mean in limits if not 0 < mean < 0.9 * limit})
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes], rotation=60)
    axis.minorticks_off()
    axis.set(xlabel="bytes a face", title=title)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


def draw_accuracy(figure: Figure) -> None:
    """Accuracy and TAR of the default model."""
    rows = read(DEFAULT)
    left, right = figure.subplots(1, 2)
    (originals,) = line(rows, "originals")
    rates = 2 if int(originals["pairs"]) >= MIN_PAIRS_LOW_FAR else 1
    for axis, keys in (
        (left, [("accuracy", "both", "both sides"), ("accuracy", "probe", "probe only")]),
        (right, [("tar_far_1e2", "both", "FAR 1 %"), ("tar_far_1e3", "both", "FAR 0.1 %")][:rates]),
    ):
        for key, sides, label in keys:
            curve(axis, line(rows, "stc", sides), key, label)
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    left.axhline(float(originals["accuracy"]), color="black", ls=":", label="originals")
    over_bytes(left, f"accuracy by {JUDGE}, 95 % intervals", rows)
    over_bytes(right, "TAR, both sides", rows)


def draw_distortion(figure: Figure) -> None:
    """PSNR and LPIPS of every measured model."""
    names = sorted(path.stem for path in (DOCS / "data").glob("stc-*.csv"))
    rows = [row for name in names for row in line(read(name), "stc")]
    for axis, key, title in zip(
        figure.subplots(1, 2),
        ("psnr", "lpips"),
        ("PSNR, dB", "LPIPS, lower is better"),
        strict=True,
    ):
        for name in names:
            own = line(read(name), "stc")
            if any(row[key] for row in own):
                curve(axis, own, key, name)
        over_bytes(axis, title, rows)


def draw_rivals(figure: Figure) -> None:
    """Accuracy of STC and of image codecs, whose files a decoder opens without help."""
    rows = read(RIVALS)
    axis = figure.subplots()
    curve(axis, line(rows, "stc"), "accuracy", DEFAULT, color="black", lw=2)
    for codec in ("jpeg", "jpeg2000", "webp", "avif", "jxl", "webp48"):
        # A rival that no setting brings under the limit has no file of that size.
        fits = [row for row in line(rows, codec) if float(row["failed"] or 0) < 0.5]
        curve(axis, fits, "accuracy", codec)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    over_bytes(axis, f"accuracy by {JUDGE}, both sides", rows)


def draw_effort(figure: Figure) -> None:
    """Identity cosine over the time of encoding, at each effort."""
    with open(DOCS / "data" / "effort.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    axis = figure.subplots()
    for size in (48, 96, 192):
        values = [float(row[f"cosine_{size}"]) for row in rows]
        axis.plot([float(row["ms"]) for row in rows], values, "o-", ms=3, label=f"{size} bytes")
    for row in rows:
        point = float(row["ms"]), float(row["cosine_192"])
        axis.annotate(row["effort"], point, (0, 6), textcoords="offset points", ha="center")
    axis.set(xlabel="ms a face; numbers are efforts", title=f"cosine, {rows[0]['model']}")
    axis.margins(y=0.12)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


PLOTS: dict[str, tuple[tuple[float, float], Callable[[Figure], None]]] = {
    "accuracy": ((9, 4), draw_accuracy),
    "distortion": ((9, 4), draw_distortion),
    "rivals": ((7, 4.5), draw_rivals),
    "effort": ((7, 4), draw_effort),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="results.csv of stc evaluate, to be added")
    parser.add_argument("--model", help="the model that it measured")
    options = parser.parse_args(arguments)
    if (options.results is None) != (options.model is None):
        parser.error("--results and --model belong together")
    if options.results is not None:
        shutil.copyfile(options.results, DOCS / "data" / f"{options.model}.csv")
    made = table(read(DEFAULT))
    for page in PAGES:
        page.write_text(with_table(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    # The same data give the same bytes.
    matplotlib.rcParams.update({"svg.hashsalt": "stc", "font.size": 9})
    for name, (size, draw) in PLOTS.items():
        figure = Figure(size, layout="constrained")
        draw(figure)
        figure.savefig(DOCS / "plots" / f"{name}.svg", metadata={"Date": None})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
