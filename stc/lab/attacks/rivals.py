"""Other protections of embeddings, by the formulas of their papers.

All map unit embeddings [N, D] and the secret random numbers of every record to stored values, as
torch operations with gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.protection.rotation import mixing
from stc.protection.template import Floats

_STEPS, _RATE = 120, 0.1  # of `invert`


class Rival(Protocol):
    """A protection of embeddings."""

    name: str
    hard: bool  # whether stored values are rounded to bits

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        """The secret numbers of `count` records of embeddings with `size` dimensions."""
        ...

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        """The stored values [N, K] of embeddings [N, D], before they are rounded to bits."""
        ...


class Rotation:
    """A random rotation of the embedding: BioHashing (Teoh et al. 2004) without its bits."""

    name, hard = "keyed rotation", False

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        """As `Rival.draw`."""
        return [_signs(np.random.default_rng(seed), count, size)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        """As `Rival.protect`."""
        return _turn(embeddings, secret[0])


class PolyProtect:
    """PolyProtect (Hahn and Marcel 2021, arXiv 2110.00434): values of polynomials of 5 numbers.

    Coefficients are integers from -50 to 50 except 0, exponents are 1 to 5 in a random order; both
    are secret. Neighbouring sets of 5 numbers overlap in 2.
    """

    name, hard = "PolyProtect", False
    TERMS, OVERLAP, MAX_COEFFICIENT = 5, 2, 50

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        """As `Rival.draw`."""
        generator = np.random.default_rng(seed)
        size_of = generator.integers(1, self.MAX_COEFFICIENT + 1, (count, self.TERMS))
        sign = generator.choice([-1, 1], (count, self.TERMS))
        order = generator.permuted(np.tile(np.arange(1, self.TERMS + 1), (count, 1)), axis=1)
        return [torch.tensor(size_of * sign).float(), torch.tensor(order)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        """As `Rival.protect`."""
        coefficients, exponents = secret
        step = self.TERMS - self.OVERLAP
        missing = (self.TERMS - embeddings.shape[1]) % step
        fives = F.pad(embeddings, (0, missing)).unfold(1, self.TERMS, step)  # [N, K, 5]
        return (fives ** exponents[:, None] * coefficients[:, None]).sum(2)


class MlpHash:
    """MLP-Hash (Otroshi Shahreza, Krivokuca Hahn and Marcel 2022, arXiv 2204.11054).

    The signs of the outputs of a network with random orthonormal weights and a ReLU.
    """

    name, hard = "MLP-Hash", True

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        """As `Rival.draw`."""
        generator = np.random.default_rng(seed)
        return [_signs(generator, count, size) for _ in range(2)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        """As `Rival.protect`."""
        hidden = F.relu(_turn(embeddings, secret[0]))
        # The mean is common to all faces; with it, bits would not be balanced.
        return _turn(hidden - hidden.mean(1, keepdim=True), secret[1])


RIVALS: tuple[Rival, ...] = (Rotation(), PolyProtect(), MlpHash())


@dataclass(frozen=True, eq=False)
class Stored:
    """Records of a rival [N, K]."""

    values: Tensor

    def scores(self, other: Stored) -> Floats:
        """The cosine of each record and the record in the same row of `other`, [N].

        For bits this is 1 - 2 * the share of different bits.
        """
        return F.cosine_similarity(self.values, other.values).numpy()


def store(rival: Rival, embeddings: Floats, secret: list[Tensor]) -> Stored:
    """The records of embeddings [N, D]."""
    with torch.inference_mode():
        made = rival.protect(torch.from_numpy(embeddings), secret)
        return Stored(made.sign() if rival.hard else made)


def invert(
    rival: Rival, stored: Stored, secret: list[Tensor], mean: Floats, covariance: Floats
) -> Floats:
    """Estimate the embeddings [N, D] of records with the secret, by gradient descent.

    It minimises the error of the stored values, with a Gaussian prior: mean [D] and covariance
    [D, D] of other people's embeddings.
    """
    axes, basis = np.linalg.eigh(covariance.astype(np.float64))
    spread = torch.from_numpy(
        (basis * np.sqrt(np.maximum(axes, 1e-6))).T.astype(np.float32)
    )  # [D, D]: independent normal numbers -> embeddings
    wanted = stored.values.clone()
    scale = wanted.square().mean()
    hidden = torch.zeros(len(wanted), len(mean), requires_grad=True)
    optimiser = torch.optim.Adam([hidden], _RATE)
    middle = torch.from_numpy(mean)
    embed: Callable[[], Tensor] = lambda: F.normalize(middle + hidden @ spread)  # noqa: E731
    for _ in range(_STEPS):
        made = rival.protect(embed(), secret)
        if rival.hard:
            wrong = F.softplus(-wanted * made * (4 / made.detach().std())).mean()
        else:
            wrong = (made - wanted).square().mean() / scale
        loss = wrong + 1e-3 * hidden.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return embed().detach().numpy()


def _signs(generator: np.random.Generator, count: int, size: int) -> Tensor:
    return torch.from_numpy(generator.choice(np.array([-1, 1], np.float32), (count, 2, size)))


def _turn(rows: Tensor, signs: Tensor) -> Tensor:
    """An orthonormal transform of rows [N, D], given by signs [N, 2, D]."""
    matrix = torch.from_numpy(mixing(rows.shape[1]))
    return ((rows * signs[:, 0]) @ matrix * signs[:, 1]) @ matrix
