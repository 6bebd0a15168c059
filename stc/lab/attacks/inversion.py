"""Recovers the features of a face from a record.

`observe` inverts the protection as far as a key allows: the true key if it was stolen, else a
guess. `Prior` completes that by the distribution of other people's templates; it is the linear
estimate of least squared error. `Mapping` is a network trained on the same input.
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

_MIN_VARIANCE = 1e-5  # of the error of an observed coordinate, whose own variance is 1/16
_EPOCHS, _BATCH, _HIDDEN, _RATE = 40, 256, 1024, 1e-3


@dataclass(frozen=True, eq=False)
class Observed:
    """Linear measurements of n plain templates, obtained from their records."""

    values: Floats  # [n, m, kept]: products of the template with the directions
    directions: Floats  # [n, m, kept, c]: of length 1, or less where part of a value is unknown

    @property
    def filled(self) -> Floats:
        """The plain templates [n, m, c] with 0 in unknown directions: algebraic un-rotation."""
        return np.asarray(np.einsum("nmk,nmkc->nmc", self.values, self.directions), np.float32)


def observe(gallery: Gallery, key: Key, mean_weights: Floats) -> Observed:
    """Invert slerp and rotation with a key, as far as possible.

    mean_weights [m]: means of the weights, since records do not contain weights. A record s is
    (a x + b k) / length on the kept dimensions, with the rotated face x and the noise k. The angle
    between x and k is unknown, but nearly a right angle, which is assumed. The length is unknown
    too, and with it the part of x along s; therefore only the part orthogonal to s is observed.
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
    if not parameters.steps:  # without slerp: the record itself, scaled to its expected length
        values = record * np.float32(np.sqrt(parameters.kept / parameters.size))
    # `unrotate` maps unit vector j to the direction of coordinate j.
    every = np.broadcast_to(
        np.eye(parameters.size, dtype=np.float32)[:, None, None, :],
        (parameters.size, 1, parameters.groups, parameters.size),
    )
    basis = np.stack([unrotate(row, drawn.signs, mixing(parameters.size)) for row in every], axis=2)
    directions = basis[kept].reshape(*shape, parameters.size)
    if parameters.steps:
        across = np.einsum("nmk,nmkc->nmc", record, directions)
        directions = directions - record[..., None] * across[:, :, None]
    there = record != 0  # `tradeoff.thinned` drops more dimensions than the parameters state
    return Observed(
        np.asarray(values * there, np.float32),
        np.asarray(directions * there[..., None], np.float32),
    )


def error_of(observed: Sequence[Observed], templates: Floats) -> Floats:
    """The mean squared error of observed values, for each group [m], plus _MIN_VARIANCE.

    templates [N, m, c]: the true ones, of the attacker's faces, whose records were made and stored
    like those of the victims.
    """
    wrong, start = [], 0
    for part in observed:
        some = templates[start : start + len(part.values)]
        truth = np.einsum("nmkc,nmc->nmk", part.directions, some)
        there = part.directions.any(3)
        wrong.append((np.where(there, np.square(part.values - truth), 0).sum(2), there.sum(2)))
        start += len(part.values)
    squares, counts = (np.concatenate(arrays).sum(0) for arrays in zip(*wrong, strict=True))
    return np.asarray(squares / np.maximum(counts, 1) + _MIN_VARIANCE, np.float32)


class Prior:
    """The linear estimate of least squared error of templates and embeddings.

    It uses the mean and covariance of other people's templates and embeddings; error [m]: the
    variance of the error of observed values in each group.
    """

    def __init__(self, others: Templates, error: Floats) -> None:
        self.error = error
        flat = others.features.reshape(len(others), -1).astype(np.float64)
        self.mean, self.mean_embedding = flat.mean(0), others.embeddings.mean(0)
        centred = flat - self.mean
        self.covariance = centred.T @ centred / len(others)
        self.covariance[np.diag_indices_from(self.covariance)] += 1e-4
        self.cross = centred.T @ (others.embeddings - self.mean_embedding) / len(others)

    def recover(self, observed: Observed) -> tuple[Floats, Floats]:
        """The estimated templates [n, m, c] and embeddings [n, D]."""
        count, groups, kept, size = observed.directions.shape
        blocks = self.covariance.reshape(groups, size, -1)
        templates, embeddings = [], []
        for values, directions in zip(observed.values, observed.directions, strict=True):
            half = np.einsum("gkc,gcn->gkn", directions, blocks).reshape(groups * kept, -1)
            seen = np.einsum("rgc,gkc->rgk", half.reshape(-1, groups, size), directions)
            seen = seen.reshape(len(half), -1)
            seen[np.diag_indices_from(seen)] += self.error.repeat(kept)
            centre = np.einsum("gkc,gc->gk", directions, self.mean.reshape(groups, size))
            weight = np.linalg.solve(seen, (values - centre).ravel())
            templates.append(self.mean + half.T @ weight)
            back = np.einsum("gkc,gk->gc", directions, weight.reshape(groups, kept)).ravel()
            embeddings.append(self.mean_embedding + self.cross.T @ back)
        shape = (count, groups, size)
        return np.array(templates, np.float32).reshape(shape), np.array(embeddings, np.float32)


class Mapping(nn.Module):
    """A network of three layers from inputs [n, inputs], such as records, to unit embeddings."""

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
        """The estimated embeddings [n, D]."""
        return self(torch.from_numpy(inputs)).numpy()  # type: ignore[no-any-return]


def learn_mapping(
    draw_inputs: Callable[[int], Floats], embeddings: Floats, epochs: int = _EPOCHS
) -> Mapping:
    """Train a mapping on records of other people, with embeddings [N, D]. The seed is fixed.

    draw_inputs(epoch): returns the inputs of records under a new key for each epoch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = draw_inputs(0)
        mapping = Mapping(inputs.shape[1], embeddings.shape[1])
    target = torch.from_numpy(embeddings)
    optimiser = torch.optim.AdamW(mapping.parameters(), _RATE)
    generator = np.random.default_rng(0)
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
