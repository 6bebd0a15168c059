"""The router: its size, and that order and number of tokens do not matter to it."""

import pytest
import torch

from stc.lab.tokenizers.routing import Router


def test_is_as_small_as_the_papers():
    router = Router(dimensions=12, groups=256)
    mebibytes = 4 * sum(p.numel() for p in router.parameters()) / 2**20
    assert round(mebibytes, 2) == 0.03


@pytest.mark.parametrize("tokens", [1, 32, 128])
def test_takes_any_number_of_tokens_in_any_order(tokens):
    torch.manual_seed(0)
    router, latents = Router(4, 6), torch.randn(3, tokens, 4)
    logits = router(latents)
    assert logits.shape == (3, 6)
    torch.testing.assert_close(router(latents[:, torch.randperm(tokens)]), logits)


def test_one_token_has_a_gradient():
    latents = torch.randn(2, 1, 4, requires_grad=True)
    Router(4, 6)(latents).sum().backward()
    assert latents.grad.isfinite().all()


def test_sees_the_mean_and_the_spread():
    torch.manual_seed(0)
    router, latents = Router(4, 6), torch.randn(1, 8, 4)
    assert not torch.allclose(router(latents + 1), router(latents))
    assert not torch.allclose(router(2 * latents - latents.mean(1)), router(latents))
