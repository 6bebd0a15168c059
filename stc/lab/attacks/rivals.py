"""Other protections of an embedding, as their papers' formulas, with random numbers of each record.

All take unit embeddings [N, D] and a generator state per record, as tensors that gradients pass.
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

_STEPS, _RATE = 120, 0.1  # of an inversion by gradient


class Rival(Protocol):
    """A protection under test."""

    name: str
    hard: bool  # whether what is stored is rounded to bits

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        """The secret numbers of `count` records of embeddings [., size]."""
        ...

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        """What is stored, [N, K], before it is rounded to bits."""
        ...


class Rotation:
    """A random rotation of the whole embedding; BioHashing (Teoh et al. 2004) without its bits."""

    name, hard = "keyed rotation", False

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        return [_signs(np.random.default_rng(seed), count, size)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        return _turn(embeddings, secret[0])


class PolyProtect:
    """Hahn and Marcel 2021 (arXiv 2110.00434): every five numbers become one polynomial's value.

    Coefficients are whole numbers from -50 to 50 without zero, exponents 1 to 5 in an order of
    the record's; two numbers are shared by neighbouring fives.
    """

    name, hard = "PolyProtect", False
    TERMS, OVERLAP, MOST = 5, 2, 50

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        generator = np.random.default_rng(seed)
        size_of = generator.integers(1, self.MOST + 1, (count, self.TERMS))
        sign = generator.choice([-1, 1], (count, self.TERMS))
        order = generator.permuted(np.tile(np.arange(1, self.TERMS + 1), (count, 1)), axis=1)
        return [torch.tensor(size_of * sign).float(), torch.tensor(order)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        coefficients, exponents = secret
        step = self.TERMS - self.OVERLAP
        missing = (self.TERMS - embeddings.shape[1]) % step
        fives = F.pad(embeddings, (0, missing)).unfold(1, self.TERMS, step)  # [N, K, 5]
        return (fives ** exponents[:, None] * coefficients[:, None]).sum(2)


class MlpHash:
    """Otroshi Shahreza, Krivokuca Hahn and Marcel 2022 (arXiv 2204.11054): the signs of what a
    network of random orthonormal weights, with a ReLU between its layers, gives."""

    name, hard = "MLP-Hash", True

    def draw(self, seed: int, count: int, size: int) -> list[Tensor]:
        generator = np.random.default_rng(seed)
        return [_signs(generator, count, size) for _ in range(2)]

    def protect(self, embeddings: Tensor, secret: list[Tensor]) -> Tensor:
        hidden = F.relu(_turn(embeddings, secret[0]))
        # Without their mean, which all faces share, or bits would not be balanced.
        return _turn(hidden - hidden.mean(1, keepdim=True), secret[1])


RIVALS: tuple[Rival, ...] = (Rotation(), PolyProtect(), MlpHash())


@dataclass(frozen=True, eq=False)
class Stored:
    """Records of a rival [N, K]."""

    values: Tensor

    def scores(self, other: Stored) -> Floats:
        """Cosine of each record and its partner; of bits, one less twice the share that differ."""
        return F.cosine_similarity(self.values, other.values).numpy()


def store(rival: Rival, embeddings: Floats, secret: list[Tensor]) -> Stored:
    with torch.inference_mode():
        made = rival.protect(torch.from_numpy(embeddings), secret)
        return Stored(made.sign() if rival.hard else made)


def invert(
    rival: Rival, stored: Stored, secret: list[Tensor], mean: Floats, covariance: Floats
) -> Floats:
    """With the key: the embeddings [N, D] that explain the records and are likely, by gradient.

    mean [D], covariance [D, D]: of other people's embeddings.
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
    """An orthonormal map of rows [N, D] by signs [N, 2, D]."""
    matrix = torch.from_numpy(mixing(rows.shape[1]))
    return ((rows * signs[:, 0]) @ matrix * signs[:, 1]) @ matrix
