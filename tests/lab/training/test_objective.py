"""The loss of the picture stages: what it sees, what it does not, what it needs."""

import pytest
import torch
from torch import nn

from stc.errors import StcError
from stc.lab.training.config import NetworkStage
from stc.lab.training.launch import launcher
from stc.lab.training.objective import Objective


class Thumbnail(nn.Module):
    """Stands in for a recogniser: the face at 4x4 pixels."""

    def forward(self, canvas):
        return nn.functional.normalize(nn.functional.avg_pool2d(canvas, 32).flatten(1).float())


class Distance(nn.Module):
    """Stands in for LPIPS: squared error."""

    def forward(self, a, b):
        return (a - b).square().mean((1, 2, 3))


@pytest.fixture
def pictures():
    torch.manual_seed(0)
    rgb = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4), size=128, mode="bilinear")
    return rgb, torch.ones(4, 1, 128, 128)


def objective(**plan):
    return Objective(NetworkStage(**plan), Thumbnail(), Distance(), launcher("fp32"))


def test_it_is_least_for_the_original_and_reaches_every_output(pictures):
    rgb, mask = pictures
    loss, parts = objective()(rgb, rgb, mask)
    assert parts["mse"] == parts["lpips"] == 0
    assert parts["cosine"] > 0.99  # the recogniser's view is jittered
    worse, _ = objective()(rgb * 0.8, rgb, mask)
    assert worse > loss + 0.01
    output = (rgb * 0.8).requires_grad_()
    objective()(output, rgb, mask)[0].backward()
    assert (output.grad.abs().amax((1, 2, 3)) > 0).all()


def test_what_no_camera_saw_costs_nothing(pictures):
    rgb, mask = pictures
    mask[:, :, :, :40] = 0
    wrong = rgb.clone()
    wrong[:, :, :, :40] = 1 - wrong[:, :, :, :40]
    torch.manual_seed(1)
    expected, _ = objective()(rgb, rgb, mask)
    torch.manual_seed(1)
    loss, _ = objective()(wrong, rgb, mask)
    torch.testing.assert_close(loss, expected)


def test_weights_weigh_and_zero_leaves_out(pictures):
    rgb, mask = pictures
    output = (rgb * 0.9).clone()
    loss, parts = objective(pixels=2.0, perception=0.0, identity=0.0)(output, rgb, mask)
    assert parts.keys() == {"loss", "mse"}
    assert loss == 2 * parts["mse"]
    larger = nn.functional.interpolate(output, size=256, mode="bilinear", antialias=True)
    other, _ = objective(pixels=2.0, perception=0.0, identity=0.0)(larger, rgb, mask)
    torch.testing.assert_close(other, loss, rtol=0.05, atol=1e-4)


def test_a_missing_network_is_missed_only_if_it_has_a_weight():
    accelerator = launcher("fp32")
    with pytest.raises(StcError, match="needs --recogniser FILE"):
        Objective(NetworkStage(), None, Distance(), accelerator)
    with pytest.raises(StcError, match="needs --lpips FILE"):
        Objective(NetworkStage(), Thumbnail(), None, accelerator)
    Objective(NetworkStage(identity=0.0, perception=0.0), None, None, accelerator)
