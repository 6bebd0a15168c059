"""Fairness: error rates and quality by sex, age and group, and attributes that files reveal.

A table of people has few pictures of the same person, so a mated pair here is a face and its mirror
image. That is easier than two photographs, but equally so for everybody: compare the differences
between people, not the error rates themselves.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.errors import DataError
from stc.lab.evaluation import metrics
from stc.lab.evaluation.report import table

Floats = npt.NDArray[np.float64]
Embeddings = npt.NDArray[np.float32]  # [N, D]
Integers = npt.NDArray[np.int64]

AGES = (25, 35, 50, 65)  # the first year of every age band but the youngest
FOLDS, RIDGE = 5, 10.0  # of the attribute probe
SHUFFLES = 200  # random permutations, for the mutual information of independent labels


@dataclass(frozen=True)
class People:
    """Names and attributes of N people."""

    names: list[str]
    age: Floats
    sex: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]

    @property
    def band(self) -> npt.NDArray[np.str_]:
        """The age band of each person, [N], such as `25 to 34`."""
        labels = [f"under {AGES[0]}"]
        labels += [f"{a} to {b - 1}" for a, b in pairwise(AGES)]
        labels.append(f"{AGES[-1]} and over")
        return np.array(labels)[np.digitize(self.age, AGES)]

    def parts(self) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
        """Yield every attribute, each of its values, and a mask [N] of the people with it."""
        for attribute, values in (("sex", self.sex), ("age", self.band), ("group", self.group)):
            for value in sorted(set(values.tolist()), key=_age_first):
                yield attribute, value, values == value


def _age_first(label: str) -> tuple[int, str]:
    """A sort key: `under 25` before `25 to 34`, and words alphabetically."""
    first = label.split()[0]
    return (int(first) if first.isdigit() else 0, label)


def read_people(path: Path) -> People:
    """Read a tab-separated table with the columns key, age, sex and group.

    Raises DataError if a column is missing or an age is no number.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    try:
        return People(
            [row["key"] for row in rows],
            np.array([float(row["age"]) for row in rows]),
            np.array([row["sex"] for row in rows]),
            np.array([row["group"] for row in rows]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{path}: the columns key, age, sex and group are needed: {error!r}"
        ) from error


@dataclass(frozen=True, eq=False)
class Served:
    """Results of each of N people at one limit.

    Distances are those of mated pairs, divided by the threshold at which 0.1 % of a protocol's
    impostor pairs, compressed in the same way, are accepted: above 1 a person is rejected.
    """

    limit: int  # bytes
    both: Floats  # distance of the compressed face and its compressed mirror image
    probe: Floats  # distance of the compressed face and its uncompressed mirror image
    cosine: Floats  # of the judge's embeddings before and after encoding
    psnr: Floats  # dB


def groups_section(people: People, served: list[Served], judge: str) -> str:
    """The report's tables of error rates and quality by attribute, at every limit."""
    text = [
        "## Groups of people",
        f"{len(people.names)} faces. A mated pair is a face and its own mirror image, which is "
        f"easier than two photographs. FNMR: share of mated pairs that {judge} rejects, at the "
        "threshold that 0.1 % of the first protocol's different pairs pass, "
        "compressed in the same way. In brackets, 95 % intervals (Wilson's for shares, else "
        "bootstrap over faces).",
    ]
    for one in served:
        lines = []
        for attribute, value, who in people.parts():
            cells = [attribute, value, str(int(who.sum()))]
            cells += [_share(one.both[who] > 1), _share(one.probe[who] > 1)]
            cells += [_mean(one.cosine[who], 3), _mean(one.psnr[who], 2)]
            lines.append(cells)
        head = ["", "", "faces", "FNMR, both sides", "probe only", "cosine", "PSNR, dB"]
        text += [f"### {one.limit} bytes", table(head, lines), _ratios(people, one)]
    return "\n\n".join(text)


def _ratios(people: People, one: Served) -> str:
    """A table of ratios: for each attribute, the value with the worst mean against the best."""
    lines = []
    for attribute in ("sex", "age", "group"):
        parts = {value: who for name, value, who in people.parts() if name == attribute}
        wrong = (np.array(x > 1, np.float64) for x in (one.both, one.probe))
        lines.append([attribute, *(_worst_to_best(x, parts) for x in (*wrong, 1 - one.cosine))])
    head = ["worst / best", "FNMR, both sides", "FNMR, probe only", "identity lost (1 - cosine)"]
    return table(head, lines)


def _worst_to_best(values: Floats, parts: dict[str, npt.NDArray[np.bool_]]) -> str:
    """The parts with the highest and the lowest mean, the ratio of both, and its interval."""

    def means(rows: Integers) -> dict[str, float]:
        drawn = {name: values[rows][who[rows]] for name, who in parts.items()}
        return {name: float(own.mean()) for name, own in drawn.items() if len(own)}

    found = means(np.arange(len(values)))
    worst, best = max(found, key=lambda k: found[k]), min(found, key=lambda k: found[k])
    if found[worst] == 0:
        return "no errors"
    if found[best] == 0:
        return f"{worst} {found[worst]:.1%} / {best} none"

    def ratio(rows: Integers) -> float:
        drawn = means(rows).values()
        return max(drawn) / min(drawn) if min(drawn) > 0 else float("inf")

    low, high = metrics.bootstrap(ratio, len(values), 300)
    return f"{worst} / {best} {found[worst] / found[best]:.2f} ({low:.2f} to {high:.2f})"


def _share(wrong: npt.NDArray[np.bool_]) -> str:
    """A share with Wilson's interval, which is useful even for a share of 0."""
    low, high = metrics.wilson(int(wrong.sum()), len(wrong))
    return f"{wrong.mean():.1%} ({low:.1%} to {high:.1%})"


def _mean(values: Floats, digits: int) -> str:
    low, high = metrics.bootstrap(lambda rows: float(values[rows].mean()), len(values))
    return f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def mutual_information(one: npt.NDArray[np.str_], other: npt.NDArray[np.str_]) -> float:
    """Mutual information of two labels [N], in bits: the plug-in estimate, which is biased up."""
    _, a = np.unique(one, return_inverse=True)
    _, b = np.unique(other, return_inverse=True)
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log2(joint[seen] / apart[seen])).sum())


def best_guess(one: npt.NDArray[np.str_], other: npt.NDArray[np.str_]) -> float:
    """The accuracy of guessing label `other` [N] as the most frequent one for each label `one`."""
    right = 0
    for label in np.unique(one):
        right += int(np.unique(other[one == label], return_counts=True)[1].max())
    return right / len(one)


def leak_section(people: People, ids: Integers) -> str:
    """The report's table of what the group index of a file reveals of a person; ids: [N]."""
    labels = ids.astype(str)
    used = len(set(labels.tolist()))
    generator = np.random.default_rng(0)
    lines = []
    for name, values in (("sex", people.sex), ("age band", people.band), ("group", people.group)):
        shuffled = [generator.permutation(labels) for _ in range(SHUFFLES)]
        shared = mutual_information(labels, values)
        bits = np.quantile([mutual_information(x, values) for x in shuffled], 0.95)
        chance = np.quantile([best_guess(x, values) for x in shuffled], 0.95)
        guess = best_guess(labels, values)
        lines.append([name, f"{shared:.4f}", f"{bits:.4f}", f"{guess:.1%}", f"{chance:.1%}"])
    ids_used = (
        "the same group index, so it reveals nothing" if used == 1 else f"{used} group indices"
    )
    return "\n\n".join(
        [
            "### Information in the group index",
            f"All {len(ids)} files have {ids_used}. Mutual information in bits; best guess: the "
            "most frequent value for each index. By chance: the 95 % quantile with shuffled "
            "indices.",
            table(["", "information", "by chance", "best guess", "by chance"], lines),
        ]
    )


def drift_section(people: People, before: Embeddings, after: dict[int, Embeddings]) -> str:
    """The report's table of how encoding changes attributes that a linear probe estimates.

    before: embeddings [N, D] of the original faces; after: of the decoded faces, by limit in bytes.
    """
    probes: dict[str, tuple[Floats, Callable[[Floats], npt.NDArray[np.str_]]]] = {}
    for name, values in (("sex", people.sex), ("group", people.group)):
        kinds = np.unique(values)
        hot = (values[:, None] == kinds).astype(np.float64)
        probes[name] = hot, lambda scores, kinds=kinds: kinds[scores.argmax(1)]  # type: ignore[misc]
    lines = []
    for limit, embeddings in after.items():
        first, then = probe(before, embeddings, people.age[:, None])
        error = float(np.abs(first[:, 0] - people.age).mean())
        lines.append(
            [str(limit), "age, years", f"off by {error:.1f}", _mean((then - first)[:, 0], 2), ""]
        )
        for name, (hot, decide) in probes.items():
            first, then = probe(before, embeddings, hot)
            old, new = decide(first), decide(then)
            truth = people.sex if name == "sex" else people.group
            shifts = [
                f"{kind} {100 * ((new == kind).mean() - (old == kind).mean()):+.1f}"
                for kind in np.unique(truth)
            ]
            cells = [str(limit), name, f"right {(old == truth).mean():.1%}"]
            lines.append([*cells, ", ".join(shifts) + " points", _share(old != new)])
    return "\n\n".join(
        [
            "### Drift of attributes",
            "Attributes as estimated by a linear probe on the judge's embeddings (ridge "
            f"regression, {FOLDS} folds, fitted on originals of other people): value of the "
            "decoded face minus value of the original.",
            table(["bytes", "attribute", "probe, originals", "mean change", "changed"], lines),
        ]
    )


def probe(before: Embeddings, after: Embeddings, targets: Floats) -> tuple[Floats, Floats]:
    """Estimate targets [N, K] from embeddings [N, D], before and after encoding.

    Ridge regression is fitted on `before`, in FOLDS folds: each person's estimates come from a fit
    on the other folds. Returns the estimates from `before` and from `after`, [N, K] each.
    """
    scale = before.std(0) + 1e-9
    middle = before.mean(0)
    x, y = ((e - middle) / scale for e in (before.astype(np.float64), after.astype(np.float64)))
    order = np.random.default_rng(0).permutation(len(x))
    first, then = np.zeros_like(targets), np.zeros_like(targets)
    for rows in np.array_split(order, FOLDS):
        seen = np.setdiff1d(order, rows)
        level = targets[seen].mean(0)
        gram = x[seen].T @ x[seen] + RIDGE * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, x[seen].T @ (targets[seen] - level))
        first[rows], then[rows] = x[rows] @ weights + level, y[rows] @ weights + level
    return first, then
