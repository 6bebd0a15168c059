"""Codebooks of a level: one for all faces, or one for each of a few groups of faces.

A group has codebooks of its own where there are enough faces to say how they differ: every
codeword is pulled towards that of all faces, moved by the group's own offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stc.lab.training.clustering import kmeans, nearest

STRONGEST = 64  # latents, the first, that the groups begin as clusters of
ROUNDS = 6  # of fitting all groups and dealing the faces to them anew
UNSEEN = 0.5  # images' worth that every codeword is used at least
PRIOR = 4.0  # how many times `pull` images the shared use of a token's codewords counts as


@dataclass(frozen=True)
class Books:
    """Codebooks of T tokens in G groups; the tokens' latents lie one after another, C in all."""

    codewords: Tensor  # [G, K, C]
    bits: Tensor  # [G, T, K] ideal code lengths

    def costs(self, latents: Tensor, spans: Sequence[slice], group: int, price: float) -> Tensor:
        """Squared error + price * bits of each of latents [N, C] in a group, [N]."""
        total = torch.zeros(len(latents))
        for token, span in enumerate(spans):
            own, book = latents[:, span], self.codewords[group, :, span]
            offset = book.square().sum(1) + price * self.bits[group, token]
            total += torch.addmm(offset[None], own, book.T, alpha=-2).amin(1)
            total += own.square().sum(1)
        return total


@dataclass(frozen=True)
class Groups:
    """Which of G groups every face is in."""

    owner: Tensor  # int64 [N]
    bits: Tensor  # [G] ideal code lengths of the groups' numbers

    @classmethod
    def of(cls, owner: Tensor, weight: Tensor, number: int) -> Groups:
        """Groups as they are used by faces of weight [N]."""
        use = torch.bincount(owner, weight, minlength=number) + UNSEEN
        return cls(owner, -torch.log2(use / use.sum()))

    @property
    def number(self) -> int:
        return len(self.bits)


def fit_shared(latents: Tensor, weight: Tensor, spans: Sequence[slice], codewords: int) -> Books:
    """Codebooks for all faces: k-means of every token's latents [N, C], faces weighted [N]."""
    books = torch.zeros(1, codewords, latents.shape[1])
    use = torch.zeros(1, len(spans), codewords)
    for token, span in enumerate(spans):
        points = latents[:, span].contiguous()
        books[0, :, span] = kmeans(points, weight, codewords)
        owner = nearest(points, books[0, :, span])
        use[0, token] = torch.bincount(owner, weight, minlength=codewords)
    return Books(books, _bits(use + UNSEEN))


def fit_own(
    latents: Tensor,
    weight: Tensor,
    spans: Sequence[slice],
    groups: Groups,
    shared: Books,
    pull: float,
    *,
    start: Books | None = None,
    rounds: int = 2,
) -> Books:
    """Codebooks for every group, by so many rounds of k-means from `start` or the shared ones.

    pull: how many images' worth of weight the shared codeword has in each.
    """
    number, codewords = groups.number, shared.codewords.shape[1]
    begun = shared if start is None else start
    books = begun.codewords.expand(number, -1, -1).clone()
    use = torch.zeros(number, len(spans), codewords)
    members = [groups.owner == group for group in range(number)]
    for token, span in enumerate(spans):
        common = shared.codewords[0, :, span]
        for group, own in enumerate(members):
            points, mass = latents[own, span], weight[own]
            book = books[group, :, span].contiguous()
            for _ in range(rounds):
                owner = nearest(points, book)
                count = torch.bincount(owner, mass, minlength=codewords)
                total = torch.zeros_like(book).index_add_(0, owner, points * mass[:, None])
                offset = (total - count[:, None] * common).sum(0) / count.sum().clamp_min(1e-9)
                book = (total + pull * (common + offset)) / (count + pull)[:, None].clamp_min(1e-9)
                use[group, token] = count
            books[group, :, span] = book
    prior = PRIOR * pull * 0.5**shared.bits
    return Books(books, _bits(use + UNSEEN + prior))


def find_groups(
    latents: Tensor,
    weight: Tensor,
    spans: Sequence[slice],
    shared: Books,
    number: int,
    pull: float,
    price: float,
) -> tuple[Groups, Books]:
    """Groups of the faces and the codebooks of each, from the latents [N, C] of the first level.

    Clusters to begin with; then every face goes to the group whose codebooks cost it least, its
    error and price * bits, those of the group's number counted (Lloyd's algorithm over groups).
    """
    strongest = latents[:, :STRONGEST].contiguous()
    clusters = kmeans(strongest, weight, number, rounds=20)
    groups = Groups.of(nearest(strongest, clusters), weight, number)
    books = None
    for _ in range(ROUNDS):
        books = fit_own(latents, weight, spans, groups, shared, pull, start=books)
        costs = [
            books.costs(latents, spans, group, price) + price * groups.bits[group]
            for group in range(number)
        ]
        groups = Groups.of(torch.stack(costs).argmin(0), weight, number)
    return groups, fit_own(latents, weight, spans, groups, shared, pull, start=books, rounds=1)


def _bits(use: Tensor) -> Tensor:
    return -torch.log2(use / use.sum(-1, keepdim=True))
