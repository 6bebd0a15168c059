"""The plots of a report: accuracy over bytes, ROC, and a sheet of faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from stc.lab.evaluation.metrics import NORMAL_95
from stc.lab.evaluation.results import Curve, Row

_MARGIN = 4  # pixels between the faces of a sheet
_LABEL = 14  # pixels above a row of faces, for its name


def rate_accuracy(rows: Sequence[Row], path: Path) -> None:
    """Plot accuracy over bytes with 95 % intervals, a panel for every protocol and judge.

    Both sides are compressed. The horizontal position is the mean size, which can be above the
    limit if a codec failed on some faces. path: the file to write.
    """
    shown = [row for row in rows if row.sides == "both"]
    panels = list(dict.fromkeys((row.protocol, row.judge) for row in shown))
    figure, axes = _panels(len(panels))
    for (protocol, judge), axis in zip(panels, axes, strict=True):
        own = [row for row in shown if (row.protocol, row.judge) == (protocol, judge)]
        for codec in dict.fromkeys(row.codec for row in own):
            line = [row for row in own if row.codec == codec]
            if line[0].bytes_mean is None:
                axis.axhline(line[0].accuracy, color="black", linestyle=":", label=codec)
                continue
            axis.errorbar(
                [row.bytes_mean for row in line],
                [row.accuracy for row in line],
                yerr=[NORMAL_95 * row.stderr for row in line],
                label=codec,
                capsize=2,
                **_style(codec),
            )
        sizes = sorted({row.bytes_limit for row in own if row.bytes_limit is not None})
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("bytes, mean")
        axis.set_ylabel(f"{protocol} pairs right, both sides, by {judge}")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def roc(curves: Sequence[Curve], path: Path) -> None:
    """Plot the ROC of STC at every limit and of the originals, both sides compressed, to `path`."""
    shown = [curve for curve in curves if curve.codec in ("stc", "originals")]
    panels = list(dict.fromkeys((curve.protocol, curve.judge) for curve in shown))
    figure, axes = _panels(len(panels))
    for (protocol, judge), axis in zip(panels, axes, strict=True):
        for curve in shown:
            if (curve.protocol, curve.judge) == (protocol, judge):
                limit = "" if curve.bytes_limit is None else f", {curve.bytes_limit} bytes"
                axis.step(curve.far, curve.tar, where="post", label=f"{curve.codec}{limit}")
        axis.set_xscale("log")
        axis.set_xlim(5e-4, 1)
        axis.set_xlabel("false acceptance rate")
        axis.set_ylabel(f"true acceptance rate, {protocol}, {judge}")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def face_sheet(rows: Sequence[tuple[str, npt.NDArray[np.uint8]]], path: Path) -> None:
    """Write named rows of faces, uint8 [N, 128, 128, 3] each, as one picture to `path`."""
    count = max(len(faces) for _, faces in rows)
    side = rows[0][1].shape[1]
    width = count * (side + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, len(rows) * (side + _LABEL + _MARGIN) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, faces) in enumerate(rows):
        top = _MARGIN + i * (side + _LABEL + _MARGIN)
        draw.text((_MARGIN, top), name, fill="black")
        for j, face in enumerate(faces):
            sheet.paste(Image.fromarray(face), (_MARGIN + j * (side + _MARGIN), top + _LABEL))
    sheet.save(path)


def _panels(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7 * count, 5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _style(codec: str) -> dict[str, Any]:
    """Line style of a codec; a rival without headers has the same colour, but a dashed line."""
    name, _, bare = codec.partition(" ")
    colours = ("stc", "jpeg", "jpeg2000", "webp", "avif", "jxl", "webp48")
    colour = f"C{colours.index(name)}" if name in colours else "grey"
    return {
        "color": colour,
        "linestyle": "--" if bare else "-",
        "linewidth": 2.5 if name == "stc" else 1,
        "marker": "o",
        "markersize": 4 if name == "stc" else 3,
    }
