"""The routing losses at points where they are known, and that they train a router."""

import math

import pytest
import torch

from stc.lab.tokenizers.quantizer import Arrangement, SwitchableQuantizer
from stc.lab.tokenizers.routing import Router
from stc.lab.training.routing import balance_loss, decide_loss, quantization_loss, routing_loss

EVEN = torch.full((4, 4), 0.25)
SURE = torch.eye(4)


def test_balance_is_zero_for_an_even_batch_and_largest_for_one_group():
    assert balance_loss(EVEN).item() == pytest.approx(0, abs=1e-6)
    assert balance_loss(SURE).item() == pytest.approx(0, abs=1e-6)
    assert balance_loss(SURE[:1].expand(4, 4)).item() == pytest.approx(math.log(4))


def test_decide_is_zero_for_sure_images_and_largest_for_undecided_ones():
    assert decide_loss(SURE).item() == 0
    assert decide_loss(EVEN).item() == pytest.approx(math.log(4))


def test_quantization_weighs_errors_relative_to_their_mean():
    errors = torch.tensor([[1.0, 3], [30, 10]])
    assert quantization_loss(torch.full((2, 2), 0.5), errors).item() == pytest.approx(0)
    assert quantization_loss(torch.eye(2), errors).item() == pytest.approx(-0.5)
    assert quantization_loss(torch.eye(2).flip(0), errors).item() == pytest.approx(0.5)
    assert quantization_loss(torch.eye(2), torch.zeros(2, 2)).isfinite()


def test_parts_add_up_by_their_weights():
    parts = routing_loss(EVEN, torch.rand(4, 4))
    expected = parts.quantization + 2 * parts.balance + 3 * parts.decide
    torch.testing.assert_close(parts.total(balance=2, decide=3), expected)


def test_gradients_are_finite_at_certainty_and_spare_the_errors():
    probabilities = SURE.clone().requires_grad_()
    errors = torch.rand(4, 4, requires_grad=True)
    routing_loss(probabilities, errors).total().backward()
    assert probabilities.grad.isfinite().all()
    assert errors.grad is None


@pytest.mark.parametrize("shapes", [((4, 3), (4, 2)), ((4,), (4,)), ((0, 3), (0, 3))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="must both be"):
        routing_loss(torch.rand(shapes[0]), torch.rand(shapes[1]))


def test_a_router_learns_what_trying_all_groups_would_find():
    """Images of four kinds, a group for each: mean and spread of the latents tell which."""
    torch.manual_seed(0)
    quantizer = SwitchableQuantizer(Arrangement("switchable", 16, 4), tokens=6, dimensions=2)
    centres = torch.tensor([[2.0, 0], [-2, 0], [0, 2], [0, -2]])
    with torch.no_grad():
        quantizer.codebooks.copy_(0.5 * torch.randn(4, 1, 16, 2) + centres[:, None, None])
    kind = torch.randint(4, (400,))
    latents = 0.7 * torch.randn(400, 6, 2) + centres[kind][:, None]
    best, errors = quantizer.route(latents), quantizer.errors(latents)
    router = Router(2, 4)
    optimiser = torch.optim.Adam(router.parameters(), 0.03)
    for _ in range(60):
        optimiser.zero_grad()
        routing_loss(router(latents).softmax(1), errors).total().backward()
        optimiser.step()
    agreement = (quantizer.route(latents, router) == best).float().mean()
    assert agreement > 0.95
