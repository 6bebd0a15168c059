"""The comparison of static PMFs with the prior: rows with standard errors, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from torch import Tensor

from stc.lab.prior.costs import file_bytes

SIZES = (32, 64, 96, 128, 192)  # bytes


@dataclass(frozen=True)
class Row:
    """One comparison, a line of the table."""

    measure: str  # the quantity and the faces
    name: str  # the part of the tokens, or the size
    faces: int
    without: float  # mean with static PMFs
    prior: float  # mean with the prior
    saved_percent: float
    standard_error: float  # of saved_percent, over faces


def compare(measure: str, name: str, without: Tensor, prior: Tensor) -> Row:
    """Compare the costs of faces [N] without and with the prior; the saving is a ratio of means."""
    mean, better = without.double().mean().item(), prior.double().mean().item()
    spread = (prior - better / mean * without).double().std().item() / mean
    saved, error = 100 * (1 - better / mean), 100 * spread / len(without) ** 0.5
    return Row(measure, name, len(without), mean, better, saved, error)


def per_level(sizes: Sequence[int], without: Tensor, prior: Tensor) -> list[Row]:
    """Compare bits of tokens, [N, n] each, for each level and for all n tokens.

    sizes: the number of tokens of each level.
    """
    measure, count = "bits a token, held-out faces", without.shape[1]
    ends = [0, *accumulate(sizes)]
    parts = {
        f"level {number}, {min(end, count) - start} tokens": slice(start, end)
        for number, (start, end) in enumerate(pairwise(ends))
        if start < count
    }
    parts[f"all {count} tokens"] = slice(count)
    return [
        compare(measure, name, without[:, own].mean(1), prior[:, own].mean(1))
        for name, own in parts.items()
    ]


def per_size(without: Tensor, prior: Tensor) -> list[Row]:
    """Compare the bytes of files of at most SIZES bytes, from bits of tokens [N, T] each."""
    before, after, rows = file_bytes(without), file_bytes(prior), []
    for size in SIZES:
        last = ((before <= size).sum(1, keepdim=True) - 1).clamp_min(0)
        pair = (x.gather(1, last)[:, 0] for x in (before, after))
        rows.append(compare("bytes, evaluation faces", f"at most {size}", *pair))
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["measure | | faces | static rows | prior | saved, % ± one standard error"]
    lines.append(" | ".join(["---"] * 6))
    for row in rows:
        digits = 3 if "token" in row.measure else 1
        figures = f"{row.without:.{digits}f} | {row.prior:.{digits}f}"
        saved = f"{row.saved_percent:.2f} ± {row.standard_error:.2f}"
        lines.append(f"{row.measure} | {row.name} | {row.faces} | {figures} | {saved}")
    return "\n".join(f"| {line} |" for line in lines)
