"""Encoding by synthesis: choose tokens whose decoded face is close to the source, by the eye.

The tokens nearest to a face's components are the best in an average metric. Here the encoder
decodes them, measures with the eye (`stc.codec.eye`) how far the picture is from the source, moves
the target of the search along the negative gradient of this loss, and searches the tokens again.
The result is the best of all decoded tokens; the nearest ones are the first of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stc.bitstream import longest_prefix
from stc.codec.limit import Limit
from stc.codec.tokens import Tokens
from stc.errors import BudgetError

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """The parameters of synthesis for one effort.

    They were chosen with a recognition model that was not used to train the eye, on faces that are
    in no evaluation. Longer steps, or momentum, give equal results by the eye and worse ones by
    other recognition models.
    """

    rounds: int  # rounds of decoding, measuring and searching again
    groups: int = 1  # number of groups to try, if the model has several
    step: float = 0.2  # length of a step of the target, in components; see `_step`
    anchor: float = 0.05  # share of its distance that the target moves back to the source per round
    perception: float = 3.0  # weight of the perceptual distance beside 1 - cosine


LONG_STEP_TOKENS = 96  # tokens; steps are longer, by LONG_STEP_TOKENS / tokens, if fewer tokens fit
MAX_STEP_FACTOR = 2.0  # limit of this factor

# The plans of efforts 1 to 9; effort 0 keeps the nearest tokens.
PLANS = (*map(Plan, (1, 2, 3, 4, 5, 6, 8)), Plan(10, groups=2), Plan(12, groups=3))


class SynthesisEngine(Protocol):
    """The operations on B faces that `improve` needs.

    Components are [B, Z], in an array type of the engine that supports numpy's operators.
    """

    def gradients(self, tokens: Tokens) -> tuple[Floats, Any]:
        """Return the losses of the decoded tokens [B], and their gradients [B, Z].

        A loss measures how far a decoded face is from its source; it may be NaN. The gradients are
        with respect to the components, and finite.
        """

    def losses(self, tokens: Tokens) -> Floats:
        """Return the losses of the decoded tokens [B]."""

    def refine(self, components: Any, tokens: Tokens) -> Tokens:
        """Return tokens nearer to components [B, Z]: one round of iterated conditional modes.

        Groups and counts stay.
        """


def improve(
    engine: SynthesisEngine, components: Any, starts: Sequence[Tokens], limit: Limit, plan: Plan
) -> Tokens:
    """Return tokens within the limit whose losses are at most those of the nearest tokens.

    components: of the sources, [B, Z]. starts: tokens from which to start, the nearest ones first,
    then those of other groups. The best result of all starts is returned for each face.
    """
    best, least = _descend(engine, components, starts[0], limit, plan)
    for start in starts[1:]:
        found, losses = _descend(engine, components, start, limit, plan)
        better = losses < least
        best, least = _chosen(better, found, best), np.where(better, losses, least)
    return best


def _descend(
    engine: SynthesisEngine, components: Any, nearest: Tokens, limit: Limit, plan: Plan
) -> tuple[Tokens, Floats]:
    """The best tokens that the rounds find in the groups of `nearest`, and their losses [B]."""
    nearest = _packable(nearest, limit)
    first, gradient = engine.gradients(nearest)
    best, least, now, aim = nearest, first, nearest, components
    step = _step(plan, limit)
    for left in reversed(range(plan.rounds)):
        aim = aim - step * _unit(gradient) - plan.anchor * (aim - components)
        now = _fitting(engine.refine(aim, now), limit)
        if left:
            losses, gradient = engine.gradients(now)
        else:
            losses = engine.losses(now)
        better = losses < least  # false for NaN
        best, least = _chosen(better, now, best), np.where(better, losses, least)
    # The entropy coder decides what fits. If it removes tokens, the loss has to be measured again.
    packed = _packable(best, limit)
    if (packed.counts < best.counts).any():
        least = engine.losses(packed)
        fallen = ~(least <= first)
        packed, least = _chosen(fallen, nearest, packed), np.where(fallen, first, least)
    return packed, least


def _step(plan: Plan, limit: Limit) -> float:
    """The length of a step: longer for few tokens, which cannot follow a small change.

    max_bytes serves as a number of tokens, since a token takes about a byte.
    """
    room = limit.max_tokens if limit.max_bytes is None else min(limit.max_tokens, limit.max_bytes)
    return plan.step * min(max(LONG_STEP_TOKENS / room, 1.0), MAX_STEP_FACTOR)


def _unit(gradient: Any) -> Any:
    """Scale each row to length 1; rows of zeros stay."""
    length = (gradient * gradient).sum(1) ** 0.5
    return gradient / (length + 1e-12)[:, None]


def _fitting(tokens: Tokens, limit: Limit) -> Tokens:
    """The tokens that fit the limit by their ideal code lengths."""
    counts = limit.counts(limit.lengths(tokens))
    return Tokens(tokens.groups, tokens.indices, np.minimum(counts, tokens.counts))


def _packable(tokens: Tokens, limit: Limit) -> Tokens:
    """The tokens that fit the limit after entropy coding, at least one for each face."""
    if limit.max_bytes is None:
        return tokens
    counts = tokens.counts.copy()
    for row in range(len(tokens)):
        try:
            counts[row] = longest_prefix(
                limit.tables, *tokens.face(row), limit.max_bytes, bare=limit.bare
            )
        except BudgetError:  # raised again when the file is packed
            counts[row] = 1
    return Tokens(tokens.groups, tokens.indices, counts)


def _chosen(first: npt.NDArray[np.bool_], a: Tokens, b: Tokens) -> Tokens:
    """The faces of `a` where `first` is true, else those of `b`."""
    width = max(a.indices.shape[1], b.indices.shape[1])
    indices = [np.pad(t.indices, ((0, 0), (0, width - t.indices.shape[1]))) for t in (a, b)]
    return Tokens(
        np.where(first, a.groups, b.groups),
        np.where(first[:, None], *indices),
        np.where(first, a.counts, b.counts),
    )
