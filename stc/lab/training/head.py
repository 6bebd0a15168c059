"""Trains a head without identity labels: its scores imitate those of the recognition model.

The group-wise weighted score of two pictures should be a linear function of the cosine of their
embeddings (each the sum of the embeddings of a picture and its mirror image). The head starts as a
closed form: a ridge regression from each cell of the feature map to a part of the embedding, with
the cell's weight given by the variance that it explains. Gradient descent then improves it. Half of
a batch are faces with similar embeddings, since random pairs nearly always show different people.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.errors import DataError
from stc.lab.training.head_network import HeadNetwork
from stc.protection.heads import SIZE, Head
from stc.protection.rotation import frame
from stc.protection.views import Views

HELD_OUT = 0.1  # share of the faces that measure the head
_BATCH = 256
_NEAREST = 8  # nearest neighbours of a face, including itself, that enter a batch together
_RATE = 3e-4
_RIDGE = 0.03  # regularisation, relative to the mean variance of a cell's channels


@dataclass(frozen=True)
class Imitation:
    """How well a head imitates the recognition model, on held-out faces.

    A correlation is Pearson's, between the head's scores and the cosines of embeddings.
    """

    faces: int  # their number, for training and measurement together
    steps: int
    seconds: float
    correlation: float  # over all pairs
    correlation_near: float  # over the pairs of each face and its nearest neighbours


def fit_head(
    views: Views,
    steps: int = 300,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Head, Imitation]:
    """Train a head for groups of SIZE dimensions, and measure it on held-out faces.

    views: feature maps and embeddings of the faces. report: called with a line of text every
    hundred steps. Raises DataError if there are fewer than 64 faces.
    """
    count = len(views.maps)
    if count < 64:
        raise DataError(
            f"{count} faces are too few to train a head: it needs at least 64, better thousands"
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    held, own = np.split(order, [max(16, int(count * HELD_OUT))])
    # Without their mean, which in some recognition models dominates all embeddings and is no
    # information on identity.
    unit = F.normalize(
        F.normalize(torch.from_numpy(views.embeddings)) - torch.from_numpy(views.mean)
    )
    near = _neighbours(unit[own])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = HeadNetwork(views.maps.shape[2:], SIZE)
    _begin(head, views, own, unit[own])
    line = nn.Linear(1, 1)  # from the head's score to the cosine of the embeddings
    nn.init.ones_(line.weight)
    nn.init.zeros_(line.bias)
    optimiser = torch.optim.AdamW([*head.parameters(), *line.parameters()], _RATE)
    began, batch = time.monotonic(), min(_BATCH, len(own))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = own[_draw(generator, near, batch)]
        score = scores(*head(*_maps(views, rows)))
        target = unit[rows] @ unit[rows].T
        wrong = (line(score[..., None])[..., 0] - target).square()
        loss = (wrong * (1 - torch.eye(len(rows)))).sum() / (len(rows) * (len(rows) - 1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 100 == 0:
            report(f"step {step + 1} of {steps}: imitated to {float(loss.detach()) ** 0.5:.4f}")
    head.eval().requires_grad_(False)
    plain, close = _correlations(head, views, held, unit[held])
    return head.to_head(), Imitation(count, steps, time.monotonic() - began, plain, close)


@torch.no_grad()
def _begin(head: HeadNetwork, views: Views, rows: npt.NDArray[np.int64], unit: Tensor) -> None:
    """Initialise the head by ridge regressions from each cell to its part of the embedding."""
    centred = unit - unit.mean(0)
    parts = torch.from_numpy(frame(len(head.reduce), head.size, unit.shape[1]))
    for cell, part in enumerate(parts):
        line, column = divmod(cell, head.shape[2])
        values = torch.from_numpy(views.maps[rows, :, :, line, column].astype(np.float32)).sum(1)
        mean = values.mean(0)
        square = (values - mean).T @ (values - mean)
        square += _RIDGE * square.diagonal().mean() * torch.eye(len(square)) + 1e-6
        target = centred @ part.T
        found = torch.linalg.solve(square, (values - mean).T @ target)
        wrong = ((values - mean) @ found - target).square().sum() / target.square().sum()
        head.reduce[cell] = found
        head.shift[cell] = -(mean @ found) / 2  # half, since picture and mirror image are summed
        head.place[cell] = torch.log((1 - wrong).clamp(min=1e-3))


def scores(features: Tensor, weights: Tensor) -> Tensor:
    """The unprotected scores of all pairs of B templates, [B, B].

    features: [B, m, c]; weights: [B, m]. The score is the mean of the scores with the weights of
    the first and of the second template.
    """
    unit = F.normalize(features, dim=2)
    one_way = (unit * weights[..., None]).flatten(1) @ unit.flatten(1).T
    return (one_way + one_way.T) / 2


def _maps(views: Views, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(views.maps[rows].astype(np.float32))
    return both[:, 0], both[:, 1]


def _neighbours(unit: Tensor) -> npt.NDArray[np.int64]:
    """The nearest neighbours of each face [N, _NEAREST], first the face itself."""
    found = [
        (part @ unit.T).topk(min(_NEAREST, len(unit)), dim=1).indices for part in unit.split(1024)
    ]
    return torch.cat(found).numpy()


def _draw(
    generator: np.random.Generator, near: npt.NDArray[np.int64], batch: int
) -> npt.NDArray[np.int64]:
    """Rows of a batch: half are random, half are random faces with their nearest neighbours."""
    some = generator.integers(0, len(near), max(1, batch // 2 // near.shape[1]))
    alike = np.unique(near[some])
    return np.union1d(alike, generator.choice(len(near), batch - len(alike), replace=False))


def _correlations(
    head: HeadNetwork, views: Views, rows: npt.NDArray[np.int64], unit: Tensor
) -> tuple[float, float]:
    parts = [head(*_maps(views, rows[i : i + _BATCH])) for i in range(0, len(rows), _BATCH)]
    ours = scores(torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])).numpy()
    theirs = (unit @ unit.T).numpy()
    apart = ~np.eye(len(rows), dtype=bool)
    near = np.argsort(-np.where(apart, theirs, -2), axis=1)[:, :_NEAREST]
    close = [np.take_along_axis(values, near, 1).ravel() for values in (ours, theirs)]
    pairs = [values[apart] for values in (ours, theirs)]
    return _correlation(*pairs), _correlation(*close)


def _correlation(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> float:
    one, other = (values.astype(np.float64) - values.mean() for values in (left, right))
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
