"""Codebooks of a level: shared by all faces, or separate for each of several groups of faces.

With few faces, a group's codeword is uncertain. It is therefore a weighted mean of the group's
latents and the shared codeword, shifted by the group's mean offset from the shared codebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stc.lab.training.clustering import kmeans, nearest

STRONGEST = 64  # first latents, by which faces are clustered into initial groups
ROUNDS = 6  # of fitting all codebooks and reassigning the faces
UNSEEN = 0.5  # pseudo-count of every codeword and group, in images
PRIOR = 4.0  # pseudo-count of the shared codeword frequencies, in units of `pull` images


@dataclass(frozen=True)
class Books:
    """Codebooks of T tokens in G groups."""

    codewords: Tensor  # [G, K, C], with the dimensions of all tokens concatenated
    bits: Tensor  # [G, T, K] ideal code lengths

    def costs(self, latents: Tensor, spans: Sequence[slice], group: int, price: float) -> Tensor:
        """The least squared error + price * bits of latents [N, C] in a group, [N].

        spans: the columns, among C, of each token.
        """
        total = torch.zeros(len(latents))
        for token, span in enumerate(spans):
            own, book = latents[:, span], self.codewords[group, :, span]
            offset = book.square().sum(1) + price * self.bits[group, token]
            total += torch.addmm(offset[None], own, book.T, alpha=-2).amin(1)
            total += own.square().sum(1)
        return total


@dataclass(frozen=True)
class Groups:
    """The assignment of faces to G groups."""

    owner: Tensor  # int64 [N], the group of each face
    bits: Tensor  # [G] ideal code lengths of the group indices

    @classmethod
    def of(cls, owner: Tensor, weight: Tensor, number: int) -> Groups:
        """Create `number` groups from the assignment; the bits come from the faces' weights [N]."""
        use = torch.bincount(owner, weight, minlength=number) + UNSEEN
        return cls(owner, -torch.log2(use / use.sum()))

    @property
    def number(self) -> int:
        """The number of groups, G."""
        return len(self.bits)


def fit_shared(latents: Tensor, weight: Tensor, spans: Sequence[slice], codewords: int) -> Books:
    """Shared codebooks: k-means on every token's latents [N, C], with weights [N] of the faces.

    spans: the columns of each token.
    """
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
    """Codebooks for each group, by rounds of k-means from `start`, or from the shared codebooks.

    pull: the weight of the shared codeword in each group's codeword, in images.
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
    """Find `number` groups of faces, and their codebooks, from the latents [N, C] of a level.

    The groups start as k-means clusters. Then codebooks are fitted and every face is assigned to
    the group with the least squared error + price * bits, including the bits of the group index
    (Lloyd's algorithm on groups).
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
