"""Encoding by synthesis: choose the tokens whose DECODED face the eye takes for the source.

The tokens nearest to a face's components are the best in an average metric. Here the encoder draws
them as a decoder would, asks the eye (`stc.codec.eye`) how far the picture is from the source, and
moves what the search aims at down the gradient of that; then it searches the tokens again. Whatever
the rounds do, the best tokens that were drawn are kept, and the nearest ones are the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables, longest_prefix
from stc.codec.limit import Limit
from stc.codec.tokens import Tokens
from stc.errors import BudgetError

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What an effort stands for.

    The numbers were chosen by a recogniser that took no part in making the eye, on faces apart from
    those of any evaluation. Longer steps please the eye as much and others less; so does momentum.
    """

    rounds: int  # of drawing, looking and searching again
    groups: int = 1  # that are tried, where the model has several
    step: float = 0.2  # how far the aim moves in a round, in components of a face; see `_step`
    anchor: float = 0.05  # share of its way that the aim goes back to the source in a round
    perception: float = 3.0  # weight of the perceptual distance beside 1 - cosine


ROOM = 96  # tokens; files with room for fewer get longer steps, up to
LONGEST = 2.0  # times as long

# Efforts 1 to 9; 0 is the nearest tokens.
PLANS = (*map(Plan, (1, 2, 3, 4, 5, 6, 8)), Plan(10, groups=2), Plan(12, groups=3))


class Studio(Protocol):
    """What the loop needs of an engine for some faces, whose components are of the engine's own
    kind: arrays [B, Z] with the arithmetic of numpy's."""

    def slopes(self, tokens: Tokens) -> tuple[Floats, Any]:
        """How far the drawn tokens are from their sources, [B], and the gradient by components,
        which is finite."""

    def losses(self, tokens: Tokens) -> Floats:
        """The first of these alone."""

    def refine(self, components: Any, tokens: Tokens) -> Tokens:
        """Tokens searched again, once, to come near to components; as many as there were."""


def improve(
    studio: Studio, components: Any, starts: Sequence[Tokens], limit: Limit, plan: Plan
) -> Tokens:
    """Tokens no worse by the eye than the nearest ones, and within the limit.

    components: of the sources [B, Z]. starts: the nearest tokens first, then those of other groups.
    """
    best, least = _descend(studio, components, starts[0], limit, plan)
    for start in starts[1:]:
        found, losses = _descend(studio, components, start, limit, plan)
        better = losses < least
        best, least = _chosen(better, found, best), np.where(better, losses, least)
    return best


def _descend(
    studio: Studio, components: Any, nearest: Tokens, limit: Limit, plan: Plan
) -> tuple[Tokens, Floats]:
    """The best tokens that the rounds find from some, in the same groups, and their losses [B]."""
    nearest = _packable(nearest, limit)
    first, gradient = studio.slopes(nearest)
    best, least, now, aim = nearest, first, nearest, components
    step = _step(plan, limit)
    for left in reversed(range(plan.rounds)):
        aim = aim - step * _unit(gradient) - plan.anchor * (aim - components)
        now = _fitting(studio.refine(aim, now), limit)
        if left:
            losses, gradient = studio.slopes(now)
        else:
            losses = studio.losses(now)
        better = losses < least  # never where the loss is no number
        best, least = _chosen(better, now, best), np.where(better, losses, least)
    # The entropy coder has the last word on what fits; tokens that it takes may be missed.
    packed = _packable(best, limit)
    if (packed.counts < best.counts).any():
        least = studio.losses(packed)
        fallen = ~(least <= first)
        packed, least = _chosen(fallen, nearest, packed), np.where(fallen, first, least)
    return packed, least


def _step(plan: Plan, limit: Limit) -> float:
    """How far the aim moves in a round: the fewer tokens, the coarser what they can answer to.

    A token takes about a byte.
    """
    room = limit.max_tokens if limit.max_bytes is None else min(limit.max_tokens, limit.max_bytes)
    return plan.step * min(max(ROOM / room, 1.0), LONGEST)


def _unit(gradient: Any) -> Any:
    """Directions of length one; of none where there is no slope."""
    length = (gradient * gradient).sum(1) ** 0.5
    return gradient / (length + 1e-12)[:, None]


def _fitting(tokens: Tokens, limit: Limit) -> Tokens:
    """As many of the tokens as fit by their ideal code lengths."""
    counts = limit.counts(_lengths(limit.tables, tokens))
    return Tokens(tokens.groups, tokens.indices, np.minimum(counts, tokens.counts))


def _lengths(tables: Tables, tokens: Tokens) -> Longs:
    """Ideal code lengths of the first 1 to n tokens in 2^-16 bits, [B, n]."""
    groups, start, own = tokens.groups, 0, []
    for costs in tables.costs:
        indices = tokens.indices[:, start : start + costs.shape[1]]
        places = np.arange(indices.shape[1])
        own.append(costs[(groups if len(costs) > 1 else 0 * groups)[:, None], places, indices])
        start += costs.shape[1]
    lengths: Longs = np.concatenate(own, 1).cumsum(1)
    return lengths + tables.group_costs[groups][:, None] if len(tables.groups) > 1 else lengths


def _packable(tokens: Tokens, limit: Limit) -> Tokens:
    """As many of the tokens as the entropy coder gets into the limit, at least one."""
    if limit.max_bytes is None:
        return tokens
    counts = tokens.counts.copy()
    for row in range(len(tokens)):
        try:
            counts[row] = longest_prefix(
                limit.tables, *tokens.face(row), limit.max_bytes, bare=limit.bare
            )
        except BudgetError:  # whoever packs the face will say so
            counts[row] = 1
    return Tokens(tokens.groups, tokens.indices, counts)


def _chosen(first: npt.NDArray[np.bool_], a: Tokens, b: Tokens) -> Tokens:
    """The faces of a where `first` says so, else those of b."""
    width = max(a.indices.shape[1], b.indices.shape[1])
    indices = [np.pad(t.indices, ((0, 0), (0, width - t.indices.shape[1]))) for t in (a, b)]
    return Tokens(
        np.where(first, a.groups, b.groups),
        np.where(first[:, None], *indices),
        np.where(first, a.counts, b.counts),
    )
