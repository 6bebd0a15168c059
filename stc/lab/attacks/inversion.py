"""From a record back to the face's features: what the key allows, and what statistics add.

`observe` undoes what can be undone with a key (the right one if it was stolen, a guess if not).
`Prior` knows how templates of people in general are distributed, and fills in the most likely
rest: no linear estimate has a smaller squared error. `Mapping` is a learned
network on the same input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.lab.attacks.subject import Templates
from stc.protection import Gallery, Key
from stc.protection.record_id import id_to_name
from stc.protection.rotation import mixing, unrotate
from stc.protection.stream import draw, kept_positions
from stc.protection.template import Floats, unit

_LEAST = 1e-5  # variance that an observed coordinate is off by at least, of 1/16 in all
_EPOCHS, _BATCH, _HIDDEN, _RATE = 40, 256, 1024, 1e-3


@dataclass(frozen=True, eq=False)
class Observed:
    """What n records show of the rotated template: values [n, m, kept], of the directions
    [n, m, kept, c] of the plain template, each of length one or (where unknown) less."""

    values: Floats
    directions: Floats

    @property
    def filled(self) -> Floats:
        """The plain template [n, m, c] with zeros where nothing is known: algebraic un-rotation."""
        return np.asarray(np.einsum("nmk,nmkc->nmc", self.values, self.directions), np.float32)


def observe(gallery: Gallery, key: Key, mean_weights: Floats) -> Observed:
    """Undo slerp and rotation under a key; mean_weights [m] stand for those that are not stored.

    A record s is (a x + b k) / length on the kept dimensions, x the rotated face and k the noise.
    The angle between x and k is not known, and taken for a right one, which it nearly is; nor is
    the length, and the part of x along s with it: what is left is the part at right angles.
    """
    parameters = gallery.parameters
    names = [id_to_name(one) for one in gallery.record_ids]
    drawn = draw(key, parameters, names, gallery.generations)
    kept = np.stack([kept_positions(tag, parameters) for tag in gallery.tags])
    shape = (len(gallery), parameters.groups, parameters.kept)
    record = unit(gallery.features[kept].reshape(shape))
    noise = unit(drawn.noise)[kept].reshape(shape)
    quarter = np.clip(parameters.alpha - mean_weights, 0, 1) * np.pi / 2
    ratio = (np.sin(quarter) / np.maximum(np.cos(quarter), 1e-6))[:, None]
    along = (record * noise).sum(-1, keepdims=True)
    values = ratio * (along * record - noise)
    if not parameters.steps:  # nothing turned: the record itself, of the length that was likely
        values = record * np.float32(np.sqrt(parameters.kept / parameters.size))
    # Row j of what `unrotate` makes of all unit vectors is the direction of coordinate j.
    every = np.broadcast_to(
        np.eye(parameters.size, dtype=np.float32)[:, None, None, :],
        (parameters.size, 1, parameters.groups, parameters.size),
    )
    basis = np.stack([unrotate(row, drawn.signs, mixing(parameters.size)) for row in every], axis=2)
    directions = basis[kept].reshape(*shape, parameters.size)
    if parameters.steps:
        across = np.einsum("nmk,nmkc->nmc", record, directions)
        directions = directions - record[..., None] * across[:, :, None]
    there = record != 0  # more may have been dropped than the parameters say
    return Observed(
        np.asarray(values * there, np.float32),
        np.asarray(directions * there[..., None], np.float32),
    )


def error_of(observed: Sequence[Observed], templates: Floats) -> Floats:
    """How far observed values are off, the mean square for each group [m], where the templates
    [N, m, c] are known: the attacker's own, in records made and stored as the victims' were."""
    wrong, start = [], 0
    for part in observed:
        some = templates[start : start + len(part.values)]
        truth = np.einsum("nmkc,nmc->nmk", part.directions, some)
        there = part.directions.any(3)
        wrong.append((np.where(there, np.square(part.values - truth), 0).sum(2), there.sum(2)))
        start += len(part.values)
    squares, counts = (np.concatenate(arrays).sum(0) for arrays in zip(*wrong, strict=True))
    return np.asarray(squares / np.maximum(counts, 1) + _LEAST, np.float32)


class Prior:
    """Mean and covariance of other people's templates, and how their embeddings go with them: the
    linear estimate of least squared error, given how far observed values are off, [m]."""

    def __init__(self, others: Templates, error: Floats) -> None:
        self.error = error
        flat = others.features.reshape(len(others), -1).astype(np.float64)
        self.mean, self.told = flat.mean(0), others.embeddings.mean(0)
        centred = flat - self.mean
        self.covariance = centred.T @ centred / len(others)
        self.covariance[np.diag_indices_from(self.covariance)] += 1e-4
        self.cross = centred.T @ (others.embeddings - self.told) / len(others)

    def recover(self, observed: Observed) -> tuple[Floats, Floats]:
        """The most likely templates [n, m, c] and embeddings [n, D]."""
        count, groups, kept, size = observed.directions.shape
        blocks = self.covariance.reshape(groups, size, -1)
        templates, told = [], []
        for values, directions in zip(observed.values, observed.directions, strict=True):
            half = np.einsum("gkc,gcn->gkn", directions, blocks).reshape(groups * kept, -1)
            seen = np.einsum("rgc,gkc->rgk", half.reshape(-1, groups, size), directions)
            seen = seen.reshape(len(half), -1)
            seen[np.diag_indices_from(seen)] += self.error.repeat(kept)
            centre = np.einsum("gkc,gc->gk", directions, self.mean.reshape(groups, size))
            weight = np.linalg.solve(seen, (values - centre).ravel())
            templates.append(self.mean + half.T @ weight)
            back = np.einsum("gkc,gk->gc", directions, weight.reshape(groups, kept)).ravel()
            told.append(self.told + self.cross.T @ back)
        shape = (count, groups, size)
        return np.array(templates, np.float32).reshape(shape), np.array(told, np.float32)


class Mapping(nn.Module):
    """A network of three layers from what a record shows, and where, to the embedding."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.layers(x))

    @torch.inference_mode()
    def recover(self, inputs: Floats) -> Floats:
        return self(torch.from_numpy(inputs)).numpy()  # type: ignore[no-any-return]


def learn_mapping(
    draw_inputs: Callable[[int], Floats], embeddings: Floats, epochs: int = _EPOCHS, seed: int = 0
) -> Mapping:
    """Train on other people's records; draw_inputs(epoch) protects them anew under other keys."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inputs = draw_inputs(0)
        mapping = Mapping(inputs.shape[1], embeddings.shape[1])
    target = torch.from_numpy(embeddings)
    optimiser = torch.optim.AdamW(mapping.parameters(), _RATE)
    generator = np.random.default_rng(seed)
    for epoch in range(epochs):
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        for group in optimiser.param_groups:
            group["lr"] = rate
        shown = torch.from_numpy(inputs if epoch == 0 else draw_inputs(epoch))
        order = torch.from_numpy(generator.permutation(len(shown)))
        for rows in order.split(_BATCH):
            loss = (1 - (mapping(shown[rows]) * target[rows]).sum(1)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return mapping.eval()
