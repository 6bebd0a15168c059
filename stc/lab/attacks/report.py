"""The tables of docs/protection-results.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stc.lab.attacks.accuracy import ALPHAS, DROPS, Accuracy, Storage
from stc.lab.attacks.attacks import Link, Recovery
from stc.lab.attacks.tradeoff import Point
from stc.lab.evaluation.report import percent, table
from stc.lab.marks import between

BEGIN, END = "<!-- results: stc protect attack -->", "<!-- end of results -->"
OURS = "this method"


@dataclass(frozen=True)
class Findings:
    """All results of one subject."""

    name: str
    note: str
    shape: tuple[int, int]  # groups, and dimensions of a group
    embedding: Accuracy  # of the unprotected embeddings
    plain: Accuracy  # of the unprotected templates
    grid: Mapping[tuple[float, float], Accuracy]  # by alpha and drop
    bits: Mapping[int, Storage]
    usual: tuple[float, float]  # the alpha and drop that are attacked
    rivals: Mapping[str, Accuracy]  # by protection, with this one
    recoveries: Mapping[str, Sequence[Recovery]]  # by protection
    links: Mapping[str, Sequence[Link]]  # by protection
    curve: Sequence[Point]


def compose(one: Findings, about: str) -> str:
    """The section of one subject in Markdown; about: how it was made."""
    groups, size = one.shape
    note = f" ({one.note})" if one.note else ""
    parts = [
        f"### {one.name}{note}: {groups} groups of {size}",
        about,
        bars_table(one),
        "Accuracy on pairs of LFW view 2, ± one standard error:",
        grid_table(one),
        "Cost of storage. The last column is for "
        f"{next(iter(one.bits.values())).strangers} impostor pairs:",
        bits_table(one),
        "Recovering a face's features from a record. Cosine: to the true embedding (un-rotation "
        "and its guesses: to the true template). Accepted: at the threshold that 0.1 % of "
        "impostor pairs pass, against the picture that was enrolled, and against another picture "
        "of the person; in brackets the upper end of a 95 % interval.",
        recovery_table(one),
        "Linking the records of one person's two pictures under two keys. Floor: the same with "
        "shuffled labels, its mean and its 95 % quantile. In brackets a 95 % bootstrap interval: "
        "near the floor it lies above the value, because resampling adds noise.",
        link_table(one),
        "With the key stolen, accuracy and recovery:",
        curve_table(one),
    ]
    return "\n\n".join(parts)


def bars_table(one: Findings) -> str:
    """The project's targets, and the measured values."""
    ours = one.grid[one.usual]
    lost = 100 * (one.embedding.right - ours.right)
    secret = [r for r in one.recoveries[OURS] if not r.stolen]
    stolen = [r for r in one.recoveries[OURS] if r.stolen]
    link = next(k for k in one.links[OURS] if not k.stolen).found
    worst, another = max(secret, key=lambda r: r.same), max(secret, key=lambda r: r.another)
    lines = [
        ["accuracy", "99.0 % (fr_feature)", percent(ours.right, ours.error)],
        ["below the recognition model alone", "0.3 points", f"{lost:.2f} points"],
        ["lost by 8 bits", "0.1 points", f"{100 * one.bits[8].lost:.2f} points"],
        ["a record", "512 bytes", f"{one.bits[8].size} bytes"],
        ["key secret: D_sys above its floor", "0.05", f"{link.d_sys - link.floor:+.3f}"],
        [
            "key secret: recovered faces accepted as the enrolled picture",
            "0.1 %",
            f"{worst.same:.2%} of {worst.targets} (interval to {worst.same_high:.2%})",
        ],
        [
            "key secret: accepted as another picture of the person",
            "0.1 %",
            f"{another.another:.2%} of {another.other_targets} "
            f"(interval to {another.another_high:.2%})",
        ],
        [
            "key stolen: cosine of un-rotated templates",
            "0.74 (released script)",
            f"{next(r for r in stolen if r.attack == 'un-rotation').cosine:.2f}",
        ],
    ]
    return table(["at alpha {:g}, drop {:g}".format(*one.usual), "target", "measured"], lines)


def grid_table(one: Findings) -> str:
    """Accuracy at every alpha and drop."""
    lines = [
        [
            "embedding of the recognition model",
            percent(one.embedding.right, one.embedding.error),
            "",
            "",
            "",
        ],
        ["plain template", percent(one.plain.right, one.plain.error), "", "", ""],
    ]
    for alpha in ALPHAS:
        cells = [one.grid[alpha, drop] for drop in DROPS]
        lines.append([f"alpha {alpha:g}", *(percent(c.right, c.error) for c in cells)])
    return table(["", *(f"drop {drop:g}" for drop in DROPS)], lines)


def bits_table(one: Findings) -> str:
    """Accuracy, size of a record and threshold for every number of bits."""
    lines = [
        [
            str(bits),
            str(kept.size),
            percent(kept.found.right, kept.found.error),
            f"{kept.threshold:.3f}",
        ]
        for bits, kept in sorted(one.bits.items(), reverse=True)
    ]
    return table(["bits", "bytes", "accuracy", "score that 0.1 % of impostor pairs reach"], lines)


def recovery_table(one: Findings) -> str:
    """The attacks that recover faces, on all protections."""
    lines = []
    for name, found in one.recoveries.items():
        for r in found:
            cells = [name, "stolen" if r.stolen else "secret", r.attack, f"{r.cosine:.3f}"]
            cells += [
                f"{r.same:.1%} ({r.same_high:.1%})",
                f"{r.another:.1%} ({r.another_high:.1%})",
            ]
            lines.append(cells)
    head = ["protection", "key", "attack", "cosine", "accepted, same picture", "another picture"]
    return table(head, lines)


def link_table(one: Findings) -> str:
    """The attacks that link records, on all protections, and the accuracy of each protection."""
    lines = []
    for name, found in one.links.items():
        right = one.rivals.get(name)
        for link in found:
            k = link.found
            cells = [name, "" if right is None else percent(right.right, right.error)]
            cells += ["stolen" if link.stolen else "secret", link.attack]
            cells.append(f"{k.d_sys:.3f} ({k.low:.3f} to {k.high:.3f})")
            cells.append(f"{k.floor:.3f} ({k.floor_high:.3f})")
            cells.append(f"{k.m_sys:.3f} ({k.m_floor:.3f})")
            lines.append(cells)
    head = ["protection", "accuracy", "key", "attack", "D_sys", "its floor", "M_sys, its floor"]
    return table(head, lines)


def curve_table(one: Findings) -> str:
    """The trade-off between accuracy and recovery with a stolen key."""
    lines = [
        [
            str(p.setting),
            "" if p.size is None else str(p.size),
            percent(p.right, p.error),
            f"{p.algebra.cosine:.3f}",
            f"{p.prior.cosine:.3f}",
            f"{p.prior.same:.1%}",
            f"{p.prior.another:.1%}",
        ]
        for p in one.curve
    ]
    head = ["setting", "bytes", "accuracy", "un-rotation: cosine", "and prior: cosine"]
    return table([*head, "accepted, same picture", "another picture"], lines)


def write_between_marks(path: Path, text: str) -> None:
    """Replace the text between the marks BEGIN and END of a page.

    Raises DataError if a mark is missing.
    """
    page = path.read_text(encoding="utf-8")
    path.write_text(between(page, BEGIN, END, text, path), encoding="utf-8")
