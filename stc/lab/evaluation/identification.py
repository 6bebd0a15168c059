"""Closed-set identification: whose face is it, among everybody's?

A second protocol on the pictures of any list of pairs. The gallery holds one picture of every
person, the first by name; every other picture of somebody is a probe. A probe is right at rank k if
its own person is among the k nearest of the gallery. Rank 1 falls as galleries grow, so compare
figures of one gallery only.
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
FEWEST_PROBES = 20  # with fewer there is nothing to tell


def people_of(pairs: Pairs) -> Integers:
    """A number of the person on every picture of `pairs.names`, [N].

    Two pictures show one person if a pair says so, directly or through others, or if they are
    called Name_0001 and Name_0002.
    """
    names = pairs.names
    number = np.unique([person(name) for name in names], return_inverse=True)[1].astype(np.int64)
    first, second = pairs.places
    for a, b in zip(first[pairs.same], second[pairs.same], strict=True):
        number[number == number[b]] = number[a]
    return number


def ranks(gallery: Embeddings, probes: Embeddings, owners: Integers, wanted: Integers) -> Integers:
    """At which rank, from 1, every probe [P, D] finds its own person, [P].

    gallery: one embedding a person, [G, D], who is owners [G]. wanted: the probes' persons [P].
    """
    square = (gallery.astype(np.float64) ** 2).sum(1)
    found = []
    for probe, who in zip(probes.astype(np.float64), wanted, strict=True):
        distance = square - 2 * (gallery @ probe)  # Euclidean and squared, less what all share
        found.append(1 + int((distance < distance[owners == who].min()).sum()))
    return np.array(found, np.int64)


def section(protocol: Protocol, setup: Setup) -> str:
    """Tables of how many probes find their person; empty if pictures are of too few people."""
    people = people_of(protocol.pairs)
    owners, entries = np.unique(people, return_index=True)
    probes = np.setdiff1d(np.arange(len(people)), entries)
    if len(probes) < FEWEST_PROBES:
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
    """The share of probes within every rank of RANKS, with its interval."""
    cells = []
    for rank in RANKS:
        hits = int((found <= rank).sum())
        cells.append(within(hits / len(found), *metrics.wilson(hits, len(found))))
    return cells
