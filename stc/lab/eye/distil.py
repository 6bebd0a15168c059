"""Distillation: trains the eye to imitate two recognition models on original and decoded faces.

It starts as the pruned first teacher. A second head learns the embeddings of the second teacher, in
fewer dimensions. Synthesis needs changes of the cosine to the source rather than embeddings, so
cosines between faces and views have additional losses. Weights are rounded to 8 bits in all steps,
as in the final file.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.lab.eye.network import EyeNetwork
from stc.lab.eye.views import VIEWS, Views
from stc.lab.training.schedule import learning_rate


@dataclass(frozen=True)
class DistilPlan:
    """The configuration of the distillation."""

    steps: int
    batch: int = 8  # source faces, each with all of its views
    rate: float = 2e-4  # learning rate
    warm_up: int = 20  # steps
    shares: tuple[float, float] = (0.75, 0.25)  # of the heads in the cosine
    dimensions: int = 128  # of the second head
    kept: float = 10.0  # weight of the squared errors of cosines between a source and its views
    related: float = 3.0  # weight of the squared errors of cosines between all faces of a batch


@dataclass(frozen=True)
class Targets:
    """The target embeddings of both heads for every view, unit vectors [N, VIEWS, E]."""

    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, views: Views, dimensions: int) -> Targets:
        """The first teacher's embeddings, and the second's reduced to `dimensions` by PCA."""
        second = torch.from_numpy(views.second)
        centred = second - second.flatten(0, 1).mean(0)
        _, _, directions = torch.linalg.svd(centred.flatten(0, 1), full_matrices=False)
        reduced = centred @ directions[:dimensions].T
        return cls(torch.from_numpy(views.first), F.normalize(reduced, dim=2))


def rgb_of(views: Views, rows: Tensor) -> Tensor:
    """All views of the sources `rows` [B], RGB in [-1, 1] [B * VIEWS, 3, 128, 128]."""
    pixels = torch.from_numpy(views.faces[rows.numpy()]).flatten(0, 1)
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def with_second_head(
    network: EyeNetwork, views: Views, targets: Targets, plan: DistilPlan
) -> EyeNetwork:
    """A copy of a network with one head, and a second head fitted by ridge regression."""
    size = targets.second.shape[2]
    shape = {**network.shape, "heads": (*network.shape["heads"], size), "shares": plan.shares}
    grown = EyeNetwork(**shape)
    grown.load_state_dict(network.state_dict(), strict=False)
    first, second = grown.heads
    second.pool = copy.deepcopy(first.pool)
    pooled, rows = [], torch.arange(len(views.faces))
    with torch.no_grad():
        for some in rows.split(plan.batch):
            last = grown.look(rgb_of(views, some))[1][-1]
            pooled.append(second.pool(last).flatten(1))
    x = F.pad(torch.cat(pooled), (0, 1), value=1.0)
    power = x.T @ x
    ridge = 1e-2 * power.diag().mean() * torch.eye(x.shape[1])
    matrix = torch.linalg.solve(power + ridge, x.T @ targets.second.flatten(0, 1))
    second.embed.weight.data = matrix[:-1].T[:, :, None, None].contiguous()
    second.embed.bias.data = matrix[-1].clone()
    return grown


def distil(
    network: EyeNetwork, views: Views, targets: Targets, plan: DistilPlan
) -> list[dict[str, float]]:
    """Train a network with two heads in place; returns the mean losses of every 50 steps."""
    optimiser = torch.optim.Adam(network.round().parameters(), lr=plan.rate, betas=(0.9, 0.99))
    order = torch.arange(0)
    log: list[dict[str, float]] = []
    sums: dict[str, float] = {}
    for step in range(plan.steps):
        if len(order) < plan.batch:
            order = torch.randperm(len(views.faces))
        rows, order = order[: plan.batch], order[plan.batch :]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(plan.rate, step, plan.steps, plan.warm_up)
        losses = batch_losses(network, views, targets, rows)
        optimiser.zero_grad(set_to_none=True)
        total(losses, plan).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item() / 50
        if step % 50 == 49:
            log.append({"step": step + 1, **{name: round(v, 5) for name, v in sums.items()}})
            sums.clear()
    return log


def batch_losses(
    network: EyeNetwork, views: Views, targets: Targets, rows: Tensor
) -> dict[str, Tensor]:
    """The losses of the sources `rows` [B] and their views, by name.

    first, second: 1 - cosine of each head's embedding to its target. kept: squared errors of
    cosines between sources and views. related: those between all faces of the batch.
    """
    _, maps = network.look(rgb_of(views, rows))
    losses: dict[str, Tensor] = {}
    kept, related = [], []
    for name, head, wanted in zip(
        ("first", "second"), network.heads, (targets.first[rows], targets.second[rows]), strict=True
    ):
        own = F.normalize(head(maps[-1])).unflatten(0, (-1, VIEWS))
        losses[name] = 1 - (own * wanted).sum(2).mean()
        kept.append((_to_source(own) - _to_source(wanted)).square().mean())
        own, wanted = own.flatten(0, 1), wanted.flatten(0, 1)
        related.append((own @ own.T - wanted @ wanted.T).square().mean())
    return losses | {"kept": torch.stack(kept).sum(), "related": torch.stack(related).sum()}


def total(losses: dict[str, Tensor], plan: DistilPlan) -> Tensor:
    """The weighted sum of `batch_losses`."""
    heads = losses["first"] + losses["second"]
    return heads + plan.kept * losses["kept"] + plan.related * losses["related"]


def _to_source(embeddings: Tensor) -> Tensor:
    """Cosines of views to their source, from unit vectors [B, VIEWS, E], [B, VIEWS].

    The last column is twice the difference of the last two views, so that it has more weight.
    """
    cosines = (embeddings[:, 1:] * embeddings[:, :1]).sum(2)
    return torch.cat([cosines, 2 * (cosines[:, -1:] - cosines[:, -2:-1])], 1)
