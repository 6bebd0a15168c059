"""Closed-set identification: which person of a gallery does a probe show?

It uses the pictures of any list of pairs. The gallery contains one picture of every person, the
first by name; all other pictures are probes. A probe is correct at rank k if its person is among
the k nearest of the gallery. The rank-1 rate falls as galleries grow, so only figures of the same
gallery can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stc.lab.evaluation import metrics
from stc.lab.evaluation.measure import ORIGINALS, Setup, collect
from stc.lab.evaluation.protocols import Protocol
from stc.lab.evaluation.report import table, within
from stc.lab.evaluation.verification import Pairs, person

Embeddings = npt.NDArray[np.float32]  # [N, D]
Integers = npt.NDArray[np.int64]

RANKS = (1, 10)
MIN_PROBES = 20  # with fewer the intervals are too wide to be useful


def people_of(pairs: Pairs) -> Integers:
    """The person on every picture of `pairs.names`, as an integer, [N].

    Two pictures show the same person if a chain of mated pairs connects them, or if their names
    differ only in the number at the end: Name_0001 and Name_0002.
    """
    names = pairs.names
    number = np.unique([person(name) for name in names], return_inverse=True)[1].astype(np.int64)
    first, second = pairs.places
    for a, b in zip(first[pairs.same], second[pairs.same], strict=True):
        number[number == number[b]] = number[a]
    return number


def ranks(gallery: Embeddings, probes: Embeddings, owners: Integers, wanted: Integers) -> Integers:
    """The rank, from 1, of every probe's person in the gallery, [P].

    gallery: embeddings [G, D] of the persons `owners` [G]. probes: embeddings [P, D] of the
    persons `wanted` [P]. The distance is Euclidean.
    """
    square = (gallery.astype(np.float64) ** 2).sum(1)
    found = []
    for probe, who in zip(probes.astype(np.float64), wanted, strict=True):
        distance = square - 2 * (gallery @ probe)  # squared distance minus |probe|^2
        found.append(1 + int((distance < distance[owners == who].min()).sum()))
    return np.array(found, np.int64)


def section(protocol: Protocol, setup: Setup) -> str:
    """The report's table of rank-k rates; "" if there are fewer than MIN_PROBES probes."""
    people = people_of(protocol.pairs)
    owners, entries = np.unique(people, return_index=True)
    probes = np.setdiff1d(np.arange(len(people)), entries)
    if len(probes) < MIN_PROBES:
        return ""
    plain = collect(setup, protocol.faces, ORIGINALS, ORIGINALS, 0).embeddings
    lines = []
    for judge, originals in plain.items():
        for limit in setup.limits:
            coded = collect(setup, protocol.faces, "stc", "stc", limit).embeddings[judge]
            both = ranks(coded[entries], coded[probes], owners, people[probes])
            live = ranks(coded[entries], originals[probes], owners, people[probes])
            lines.append([judge, str(limit), *_shares(both), *_shares(live)])
        found = ranks(originals[entries], originals[probes], owners, people[probes])
        lines.append([judge, ORIGINALS, *_shares(found), *_shares(found)])
    head = ["judge", "bytes, at most", *(f"both sides, rank {k}" for k in RANKS)]
    head += [f"gallery only, rank {k}" for k in RANKS]
    return "\n\n".join(
        [
            f"## {protocol.name}: who is it, among {len(owners)}?",
            f"Closed-set identification. The gallery holds one picture of each of {len(owners)} "
            f"people; {len(probes)} other pictures of theirs are looked for. Both sides: all were "
            "compressed; gallery only: the probes were not. In brackets, Wilson's 95 % intervals.",
            table(head, lines),
        ]
    )


def _shares(found: Integers) -> Sequence[str]:
    """Cells: for every k of RANKS the share of probes at rank k or better, with its interval."""
    cells = []
    for rank in RANKS:
        hits = int((found <= rank).sum())
        cells.append(within(hits / len(found), *metrics.wilson(hits, len(found))))
    return cells
