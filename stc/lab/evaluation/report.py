"""The report: Markdown tables of the rows of results.csv."""

from __future__ import annotations

from collections.abc import Sequence

from stc.lab.evaluation.results import Row
from stc.lab.evaluation.rivals import NAMES as RIVAL_NAMES

# The project's targets: bytes -> accuracy on LFW by dlib, both sides compressed.
BARS = {192: 0.97, 96: 0.93}
LEGEND = """Both sides: both pictures of a pair were compressed; probe only: one of them. ± is one
standard error over pairs, brackets are 95 % intervals (bootstrap over pairs). TAR is for both
sides. The cosine compares the judge's embeddings before and after encoding. Sizes include header
and checksum."""

RIVALS_LEGEND = """\
Share of correct pairs, both sides compressed. Every rival has its best settings for
each face: side length, grey or colour, and quality with the least squared error within the limit.
`bare`: without the header bytes that a fixed container would not repeat. Too large: no setting
meets the limit, and the smallest file was used."""

MAX_TWICE_BYTES = 256  # up to this size STC is compared with rivals of twice the size


def percent(mean: float, error: float) -> str:
    """A share and its standard error as text."""
    return f"{mean:.1%} ± {error:.1%}"


def within(value: float, low: float, high: float) -> str:
    """A share and its interval as text."""
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; head: the cells of its first row; lines: the cells of the others."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


MIN_PAIRS_LOW_FAR = 6000  # half of them impostor pairs, of which 3 pass at a FAR of 0.1 %


def survival_table(rows: Sequence[Row], protocol: str, judge: str) -> str:
    """STC's accuracy and image quality at every limit, and the originals': the README's table.

    TAR at a FAR of 0.1 % is left out where too few impostor pairs would pass to measure it.
    """
    own = [
        row
        for row in rows
        if (row.protocol, row.judge) == (protocol, judge) and row.codec in ("stc", "originals")
    ]
    limits = list(dict.fromkeys(row.bytes_limit for row in own if row.bytes_limit is not None))
    head = ["bytes, at most", "mean", "PSNR, dB", "SSIM", "LPIPS"]
    head += [f"{judge}: both sides", "probe only", "cosine", "TAR at FAR 1 %"]
    low_far = min(row.pairs for row in own) >= MIN_PAIRS_LOW_FAR
    head += ["at 0.1 %"] * low_far
    lines = []
    for limit in [*limits, None]:
        here = [row for row in own if row.bytes_limit == limit]
        both, probe = here[0], here[-1]
        cells = ["originals" if limit is None else str(limit)]
        for value, digits in ((both.bytes_mean, 1), (both.psnr, 2), (both.ssim, 3)):
            cells.append("" if value is None else f"{value:.{digits}f}")
        cells.append("" if both.lpips is None else f"{both.lpips:.3f}")
        cells += [percent(row.accuracy, row.stderr) for row in (both, probe)]
        cells.append(f"{both.identity_cosine:.3f}")
        cells.append(within(both.tar_far_1e2, both.tar_far_1e2_low, both.tar_far_1e2_high))
        if low_far:
            cells.append(within(both.tar_far_1e3, both.tar_far_1e3_low, both.tar_far_1e3_high))
        lines.append(cells)
    return table(head, lines)


def rivals_table(rows: Sequence[Row], protocol: str, judge: str) -> str:
    """Accuracy of every codec at every limit, both sides compressed; failed faces in brackets."""
    own = _both(rows, protocol, judge)
    limits = sorted({row.bytes_limit for row in own if row.bytes_limit is not None})
    lines = []
    for codec in dict.fromkeys(row.codec for row in own if row.bytes_limit is not None):
        cells = [codec]
        for limit in limits:
            row = next(r for r in own if (r.codec, r.bytes_limit) == (codec, limit))
            note = f" ({row.failed:.0%} too large, mean {row.bytes_mean:.0f})" if row.failed else ""
            cells.append(f"{row.accuracy:.1%}{note}")
        lines.append(cells)
    return table(["codec", *(f"{limit} bytes" for limit in limits)], lines)


def twice_table(rows: Sequence[Row], protocol: str, judge: str) -> str:
    """STC against the best rival at twice the bytes, with and without headers; "" if none."""
    own = _both(rows, protocol, judge)
    lines = []
    for row in (r for r in own if r.codec == "stc" and r.bytes_limit is not None):
        limit = row.bytes_limit or 0
        if limit > MAX_TWICE_BYTES:
            continue
        cells = [str(limit), percent(row.accuracy, row.stderr)]
        for wanted in (_with_headers, _bare):
            others = [r for r in own if wanted(r.codec) and r.bytes_limit == 2 * limit]
            if not others:
                cells += ["", ""]
                continue
            best = max(others, key=lambda r: r.accuracy)
            gain = 100 * (row.accuracy - best.accuracy)
            cells += [f"{best.codec} {percent(best.accuracy, best.stderr)}", f"{gain:+.1f}"]
        lines.append(cells)
    head = ["bytes", "stc", "best rival at twice the bytes", "points", "without its headers"]
    return table([*head, "points"], lines) if lines else ""


def bars_table(rows: Sequence[Row], protocol: str) -> str:
    """The measured accuracy against the project's targets; "" if none of them was measured."""
    lines = []
    for limit, bar in BARS.items():
        for row in _both(rows, protocol, "dlib"):
            if (row.codec, row.bytes_limit) == ("stc", limit):
                away = 100 * (row.accuracy - bar)
                cells = [str(limit), f"{bar:.0%}", percent(row.accuracy, row.stderr)]
                lines.append([*cells, f"{away:+.1f} points"])
    return table(["bytes", "target", "dlib, both sides", "distance"], lines) if lines else ""


def compose(
    rows: Sequence[Row], about: str, pictures: Sequence[tuple[str, str]], extra: Sequence[str]
) -> str:
    """The whole report in Markdown.

    about: how it was made. pictures: caption and file of each plot. extra: further sections.
    """
    parts = ["# Accuracy, rivals, groups of people and failures", about]
    for protocol in dict.fromkeys(row.protocol for row in rows):
        own = [row for row in rows if row.protocol == protocol]
        parts += [f"## {protocol}, {own[0].pairs} pairs", LEGEND]
        parts += [survival_table(own, protocol, judge) for judge in _judges(own)]
        if bars := bars_table(rows, protocol):
            parts += ["### Targets", bars]
        if len({row.codec for row in own}) > 2:
            for judge in _judges(own):
                parts += [f"### Rivals, by {judge}", RIVALS_LEGEND]
                parts += [rivals_table(own, protocol, judge), twice_table(own, protocol, judge)]
    parts += [f"![{what}]({file})" for what, file in pictures]
    return "\n\n".join(part for part in [*parts, *extra] if part) + "\n"


def _judges(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.judge for row in rows))


def _both(rows: Sequence[Row], protocol: str, judge: str) -> list[Row]:
    return [r for r in rows if (r.protocol, r.judge, r.sides) == (protocol, judge, "both")]


def _with_headers(codec: str) -> bool:
    """Whether this is a rival whose headers count."""
    return codec in RIVAL_NAMES


def _bare(codec: str) -> bool:
    """Whether this is a rival whose headers do not count."""
    return codec.removesuffix(" bare") in RIVAL_NAMES and codec not in RIVAL_NAMES
