from __future__ import annotations

import numpy as np
import torch

from stc.lab.eye.distil import DistilPlan, Targets, batch_losses, distil, total, with_second_head
from stc.lab.eye.views import VIEWS, Views
from tests.lab.eye import small


def test_a_second_head_is_grown_and_taught() -> None:
    faces = small.faces(4 * VIEWS).unflatten(0, (4, VIEWS)).numpy()
    network = small.network((8,), (1.0,)).round(False)
    with torch.no_grad():
        rgb = torch.from_numpy(faces).flatten(0, 1).permute(0, 3, 1, 2) / 127.5 - 1
        first = network(rgb).unflatten(0, (4, VIEWS)).numpy()
    second = np.random.default_rng(0).random((4, VIEWS, 20), np.float32)
    views = Views(faces, first, second)
    plan = DistilPlan(steps=10, batch=4, dimensions=6, rate=3e-3, warm_up=2)
    targets = Targets.of(views, plan.dimensions)

    grown = with_second_head(network, views, targets, plan)
    grown.heads[1].embed.weight.data.mul_(-0.1)  # nearly forgotten
    rows = torch.arange(4)
    with torch.no_grad():
        before = batch_losses(grown.round(), views, targets, rows)
    assert before["first"] < 1e-2  # what was there is untouched but for rounding
    distil(grown.requires_grad_(), views, targets, plan)
    with torch.no_grad():
        after = batch_losses(grown, views, targets, rows)
    assert total(after, plan) < 0.9 * total(before, plan)
