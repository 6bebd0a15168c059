"""The eye learns from two teachers, on faces and on what is drawn of them.

It starts as the pruned first teacher. A second head learns what the second teacher sees, in fewer
dimensions. What matters in use is not where embeddings are but which way the cosine to the source
goes when a face is drawn differently, so cosines between faces and views have losses of their own.
Weights are rounded to 8 bits throughout, as they will be in the file.
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
    """How long the eye learns, and from what."""

    steps: int
    batch: int = 8  # sources, each with all of its views
    rate: float = 2e-4
    warm_up: int = 20  # steps
    shares: tuple[float, float] = (0.75, 0.25)  # of the heads in the cosine
    dimensions: int = 128  # of the second head
    kept: float = 10.0  # weight of squared errors of cosines between a source and its views
    related: float = 3.0  # and between all faces of a batch


@dataclass(frozen=True)
class Targets:
    """What the heads should give for every view, units [N, VIEWS, E]."""

    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, views: Views, dimensions: int) -> Targets:
        """The second teacher's embeddings less their mean, in their main directions."""
        second = torch.from_numpy(views.second)
        centred = second - second.flatten(0, 1).mean(0)
        _, _, directions = torch.linalg.svd(centred.flatten(0, 1), full_matrices=False)
        reduced = centred @ directions[:dimensions].T
        return cls(torch.from_numpy(views.first), F.normalize(reduced, dim=2))


def rgb_of(views: Views, rows: Tensor) -> Tensor:
    """All views of some sources, one after the other: RGB in [-1, 1] [B * VIEWS, 3, 128, 128]."""
    pixels = torch.from_numpy(views.faces[rows.numpy()]).flatten(0, 1)
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def with_second_head(
    network: EyeNetwork, views: Views, targets: Targets, plan: DistilPlan
) -> EyeNetwork:
    """A copy of a network of one head, with a second one that is fitted by least squares."""
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
    """Train a network of two heads in place; returns the mean losses of every 50 steps."""
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
    """What some sources and their views tell of the heads: embeddings, cosines, relations."""
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
    """What is made small."""
    heads = losses["first"] + losses["second"]
    return heads + plan.kept * losses["kept"] + plan.related * losses["related"]


def _to_source(embeddings: Tensor) -> Tensor:
    """Units [B, VIEWS, E] -> the cosine of every view to its source, [B, VIEWS - 1], and how much
    the last view gained on the one before, counted double."""
    cosines = (embeddings[:, 1:] * embeddings[:, :1]).sum(2)
    return torch.cat([cosines, 2 * (cosines[:, -1:] - cosines[:, -2:-1])], 1)
