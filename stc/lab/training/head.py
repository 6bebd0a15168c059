"""Training a head without identity labels: its scores imitate the recogniser's own.

The group-wise weighted score of two pictures should be a straight line of the cosine of the
recogniser's embeddings (each the sum of the picture's and its mirror image's). It begins from a
closed form: the reduction of a cell is the ridge regression from it to its own part of the
embedding, and it counts as much as that explains. Then gradients improve it. Half of a batch are
faces alike to one another, since pairs drawn at random are nearly all of strangers.
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

HELD_OUT = 0.1  # of the faces, for the figures
_BATCH = 256
_ALIKE = 8  # faces around each of those that a batch is drawn around
_RATE = 3e-4
_RIDGE = 0.03  # of the mean variance of a cell's channels


@dataclass(frozen=True)
class Imitation:
    """How well a head imitates, on faces held out: correlation of scores, over all pairs and over
    each face with its nearest neighbours."""

    faces: int
    steps: int
    seconds: float
    correlation: float
    correlation_near: float


def fit_head(
    views: Views,
    steps: int = 300,
    size: int = SIZE,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Head, Imitation]:
    """Train a head for groups of `size` dimensions, and measure it.

    report: gets a line of text every hundred steps. Raises DataError if there are fewer than 64
    faces.
    """
    count = len(views.maps)
    if count < 64:
        raise DataError(f"{count} faces are too few to train a head: 64 at least, thousands better")
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    held, own = np.split(order, [max(16, int(count * HELD_OUT))])
    # About their mean: of some recognisers it is most of every embedding, and tells nothing.
    unit = F.normalize(
        F.normalize(torch.from_numpy(views.embeddings)) - torch.from_numpy(views.mean)
    )
    near = _neighbours(unit[own])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = HeadNetwork(views.maps.shape[2:], size)
    _begin(head, views, own, unit[own])
    line = nn.Linear(1, 1)  # from the head's score to the recogniser's
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
    """Ridge regressions from each cell to its part of the embedding, as the head's first state."""
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
        head.shift[cell] = -(mean @ found) / 2  # half for either side of the face
        head.place[cell] = torch.log((1 - wrong).clamp(min=1e-3))


def scores(features: Tensor, weights: Tensor) -> Tensor:
    """The plain score of all pairs [B, B], weighted half by the one's weights, half by the other's,
    of features [B, m, c] and weights [B, m]."""
    unit = F.normalize(features, dim=2)
    one_way = (unit * weights[..., None]).flatten(1) @ unit.flatten(1).T
    return (one_way + one_way.T) / 2


def _maps(views: Views, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(views.maps[rows].astype(np.float32))
    return both[:, 0], both[:, 1]


def _neighbours(unit: Tensor) -> npt.NDArray[np.int64]:
    """Each face's nearest others [N, _ALIKE], itself first."""
    found = [
        (part @ unit.T).topk(min(_ALIKE, len(unit)), dim=1).indices for part in unit.split(1024)
    ]
    return torch.cat(found).numpy()


def _draw(
    generator: np.random.Generator, near: npt.NDArray[np.int64], batch: int
) -> npt.NDArray[np.int64]:
    """Rows of a batch: half at random, half some faces with those that are most like them."""
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
    near = np.argsort(-np.where(apart, theirs, -2), axis=1)[:, :_ALIKE]
    close = [np.take_along_axis(values, near, 1).ravel() for values in (ours, theirs)]
    pairs = [values[apart] for values in (ours, theirs)]
    return _correlation(*pairs), _correlation(*close)


def _correlation(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> float:
    one, other = (values.astype(np.float64) - values.mean() for values in (left, right))
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
