"""Codebooks in torch are prepared as in numpy."""

import torch

from stc.kernels import PreparedCodebooks as OnHost
from stc.kernels.torch import PreparedCodebooks
from stc.kernels.torch.nearest import nearest
from stc.kernels.torch.prepared import CHUNK
from tests.kernels.torch import tensors


def test_both_worlds_have_the_same_numbers():
    _, codebooks, penalty = tensors.make(1, 2, 3, 21, 5, mean=4.0)
    prepared = PreparedCodebooks(codebooks, penalty)
    host = OnHost(codebooks.numpy(), penalty.numpy())
    for array, tensor in (
        (host.centre, prepared.centre),
        (host.columns[..., :21].swapaxes(2, 3), prepared.centred),
        (host.bias[..., :21], prepared.bias),
        (host.bias, torch.from_numpy(prepared.host.bias)),
        (host.columns, torch.from_numpy(prepared.host.columns)),
    ):
        assert torch.equal(torch.from_numpy(array.copy()), tensor)


def test_the_host_shares_the_memory_of_tensors():
    _, codebooks, penalty = tensors.make(1, 2, 3, 21, 5)
    host = PreparedCodebooks(codebooks, penalty).host
    assert host.codebooks.ctypes.data == codebooks.data_ptr()
    assert host.penalty.ctypes.data == penalty.data_ptr()


def test_two_bfloat16_hold_sixteen_bits():
    _, codebooks, penalty = tensors.make(1, 2, 3, 21, 5)
    prepared = PreparedCodebooks(codebooks, penalty)
    high, low = prepared.split
    assert high.shape == low.shape == (2, 3, CHUNK, 16)
    both = (high.float() + low.float())[:, :, :21, :5]
    torch.testing.assert_close(both, prepared.centred, rtol=2**-16, atol=0)
    assert high[:, :, 21:].eq(0).all()
    assert prepared.chunk_bias[..., 21:].isposinf().all()


def test_the_definition_is_numpys():
    latents, codebooks, penalty = tensors.make(5, 2, 3, 21, 5)
    for own in (penalty, None):
        found, expected = (
            nearest(latents, codebooks, own),
            tensors.nearest(latents, codebooks, own),
        )
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])
