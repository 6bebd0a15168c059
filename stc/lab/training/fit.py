"""The closed-form part of the model: components, the metric of identity, codebooks.

1. Components z of the training faces and their mirror images: their principal axes, after filled
   borders have been estimated by ridge regression, and further axes that the embeddings of
   recognition models depend on.
2. For each residual stage (level): principal axes of the residual, in a metric that weights errors
   by their effect on embeddings; bits for them by reverse water-filling; k-means for every token
   on its axes, separately for each group of faces or for all together.

Each matrix is packed when it has been computed, and the following steps use the unpacked one, which
a decoder reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.torch.tokenizer import Level, LevelTokenizer
from stc.errors import StcError
from stc.lab.training.allotment import allot, transform
from stc.lab.training.borders import filled_planes
from stc.lab.training.collection import Collection
from stc.lab.training.grouping import Books, Groups, find_groups, fit_own, fit_shared
from stc.lab.training.metric import (
    Embed,
    covariance,
    identity_gradients,
    identity_metric,
    parity,
    strongest,
)
from stc.lab.training.packing import (
    CODEBOOK_BITS,
    METRIC_RANK,
    SYNTHESIS_BITS,
    Arrays,
    bits_of,
    named,
    pack_basis,
    pack_codebooks,
    pack_metric,
    pack_synthesis,
)
from stc.lab.training.subspace import (
    covariances,
    identity_axes,
    mirrored_mean,
    principal_axes,
)

_PART = 8192  # faces at a time


@dataclass(frozen=True)
class LevelPlan:
    """The configuration of one residual stage (level)."""

    tokens: int
    identity: float  # weight of identity against pixels in the metric
    new_factor: bool = True  # compute the metric's factor for this residual; else keep the last
    own: bool = False  # whether every group has separate codebooks


@dataclass(frozen=True)
class FitPlan:
    """The configuration of `fit`."""

    levels: tuple[LevelPlan, ...]
    components: int = 1280
    identity_components: int = 400  # how many of `components` are identity axes
    coarse_components: int = 300  # principal components in a coarse face, see identity_gradients
    codewords: int = 256  # of each codebook
    groups: int = 1
    pull: float = 8.0  # weight of the shared codeword in a group's codeword, in images
    identity_faces: int = 1536  # faces for the gradients of each recognition model
    metric_rank: int = METRIC_RANK  # of each factor
    fill: float = 0.92  # share of a level's bits that water-filling allocates

    def __post_init__(self) -> None:
        if not 0 <= self.identity_components < self.components:
            raise ValueError(
                f"identity_components must be below components, {self.components}, "
                f"not {self.identity_components}"
            )
        own = [level.own for level in self.levels]
        if own != sorted(own, reverse=True):
            raise ValueError("levels with own = false must come after all levels with own = true")
        if any(own) != (self.groups > 1):
            raise ValueError(f"{self.groups} groups have {sum(own)} levels with own = true")


@dataclass(frozen=True)
class Fitted:
    """The result of `fit`."""

    tokenizer: LevelTokenizer
    packed: Arrays  # its packed matrices, by the names of the model file
    components: npt.NDArray[np.float16]  # [N, Z] of the faces, with estimated borders


def fit(faces: Collection, recognisers: Sequence[Embed], plan: FitPlan) -> Fitted:
    """Fit a tokenizer to the training faces of a collection and their mirror images.

    Each face is weighted by its number of repeats. Raises StcError if the faces are too few.
    """
    planes = filled_planes(faces.pixels)
    weight = torch.from_numpy(faces.repeats * ~faces.held).float()
    tokenizer = LevelTokenizer(plan.components, plan.groups, [])
    packed, gradients = choose_components(tokenizer, planes, weight, recognisers, plan)
    z = torch.cat([tokenizer.components(part).half() for part in planes.split(_PART)])
    del planes
    both = torch.cat([z, z * parity(tokenizer).half()])
    packed |= fit_levels(both, tokenizer, weight.repeat(2), gradients, plan)
    tokenizer.prepare()
    return Fitted(tokenizer.eval().requires_grad_(False), packed, z.numpy())


def choose_components(
    tokenizer: LevelTokenizer,
    planes: Tensor,
    weight: Tensor,
    recognisers: Sequence[Embed],
    plan: FitPlan,
) -> tuple[Arrays, Tensor]:
    """Compute and set the tokenizer's mean and basis from planes [N, 6144] with weights [N].

    Returns the packed basis, and the gradients of the recognition models, see `identity_gradients`.
    """
    share = weight / weight.sum()
    tokenizer.mean.copy_(mirrored_mean(planes, share).half())
    spread = covariances(planes, tokenizer.mean, share)
    axes, power = principal_axes(spread, plan.components - plan.identity_components)
    coarse = axes[:, : plan.coarse_components]
    gradients = identity_gradients(
        planes, tokenizer.mean, share, spread, coarse, recognisers, plan.identity_faces
    )
    if plan.identity_components:
        more = identity_axes(spread, axes, gradients, plan.identity_components)
        axes, power = torch.cat([axes, more[0]], 1), torch.cat([power, more[1]])
    words, basis = pack_basis(axes, power)
    tokenizer.basis.copy_(basis)
    return named("basis", words), gradients


def fit_levels(
    z: Tensor, tokenizer: LevelTokenizer, weight: Tensor, gradients: Tensor, plan: FitPlan
) -> Arrays:
    """Fit the levels of the plan to components z float16 [N, Z] with weights [N], and append them.

    gradients [R, 6144]: those of the recognition models. Returns the levels' packed matrices.
    """
    share, rest = weight / weight.sum(), z.float()
    metric = identity_metric(gradients, tokenizer, covariance(rest, share))
    power, packed, first = _power(rest, share), Arrays(), 0
    factor, groups = torch.zeros(z.shape[1], 0), None
    for number, own in enumerate(plan.levels):
        if own.new_factor or number == 0:
            found = strongest(metric, covariance(rest, share), plan.metric_rank)
            factor = pack_metric(found)[1]
        level, words, groups = fit_level(rest, weight, factor, own, plan, first, groups)
        packed |= named(f"levels.{number}", words)
        if groups is not None:
            tokenizer.group_bits.copy_(groups.bits)
        owner = torch.zeros(len(rest), dtype=torch.long) if groups is None else groups.owner
        for part, mine in zip(rest.split(_PART), owner.split(_PART), strict=True):
            part -= level.decode(level.encode(part, mine), mine)
        tokenizer.levels.append(level)
        first += level.tokens
        left = _power(rest, share) / power
        print(f"level of {level.tokens} tokens, left over {left:.2%} of the power", flush=True)
    return packed


def fit_level(
    rest: Tensor,
    weight: Tensor,
    factor: Tensor,
    own: LevelPlan,
    plan: FitPlan,
    first: int = 0,
    groups: Groups | None = None,
) -> tuple[Level, Arrays, Groups | None]:
    """Fit one level to the residual components [N, Z] of the levels before it.

    weight [N]: of the faces; factor [Z, r]: of the metric; first: the index of the level's first
    token; groups: of the faces, or None before the first level with `own`, which finds them.
    Returns the level, its packed matrices, and the groups. Raises StcError if the residual has no
    variance, as with too few faces for the number of tokens.
    """
    bits = math.log2(plan.codewords)
    whole, variance = transform(covariance(rest, weight / weight.sum()), factor, own.identity)
    dealt, theta = allot(variance.clamp_min(1e-12), own.tokens, bits, plan.fill)
    columns = [axis for axes in dealt for axis in axes]
    if not columns:
        raise StcError(
            f"no residual is left for a level of {own.tokens} tokens: the faces are too few"
        )
    words, synthesis = pack_synthesis(
        whole[:, columns].contiguous(), variance[columns], bits_of(first, SYNTHESIS_BITS)
    )
    spans = [slice(a, b) for a, b in pairwise(accumulate(map(len, dealt), initial=0))]
    analysis = synthesis + own.identity * factor @ (factor.T @ synthesis)
    latents = torch.cat([part @ analysis for part in rest.split(_PART)])
    price = 2 * math.log(2) * theta  # slope of the Gaussian rate-distortion curve
    books = fit_shared(latents, weight, spans, plan.codewords)
    if own.own and groups is None:
        groups, books = find_groups(latents, weight, spans, books, plan.groups, plan.pull, price)
    elif own.own and groups is not None:
        books = fit_own(latents, weight, spans, groups, books, plan.pull)
    more, codewords = pack_codebooks(books.codewords, bits_of(first, CODEBOOK_BITS))
    level = build_level(synthesis, factor, own.identity, Books(codewords, books.bits), spans, price)
    return level, named("synthesis", words) | named("codebooks", more), groups


def build_level(
    synthesis: Tensor,
    factor: Tensor,
    identity: float,
    books: Books,
    spans: Sequence[slice],
    price: float,
) -> Level:
    """Create a level that is prepared for encoding.

    synthesis [Z, C], factor [Z, r], books' codewords [G, K, C]; spans: the columns, among C, of
    each token's latent. identity: weight in the metric. price: rate-distortion weight.
    """
    groups, codewords, _ = books.codewords.shape
    widest = max(span.stop - span.start for span in spans)
    level = Level(len(synthesis), groups, len(spans), codewords, widest, factor.shape[1])
    for token, span in enumerate(spans):
        size = span.stop - span.start
        at = token * widest
        level.synthesis[at : at + size] = synthesis[:, span].T
        level.codebooks.weight[:, token, :, :size] = books.codewords[..., span]
    level.factor.copy_(factor)
    level.identity.fill_(identity)
    level.price.fill_(price)
    level.bits.copy_(books.bits)
    level.prepare()
    return level


def _power(rest: Tensor, share: Tensor) -> float:
    parts = zip(rest.split(_PART), share.split(_PART), strict=True)
    return sum(float(own @ part.square().sum(1)) for part, own in parts)
