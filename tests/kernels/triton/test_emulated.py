"""The compiled code of every kernel that ships, executed by an emulator of PTX.

sm_90 and sm_100 compile to instructions that the emulator does not know (wgmma, tcgen05).
"""

import pytest
import torch

pytest.importorskip("triton")

from stc.kernels import triton as backend
from stc.kernels.torch import PackedCodebooks, PreparedCodebooks
from stc.kernels.torch.packed import gather
from stc.kernels.triton.configs import THRESHOLD
from stc.kernels.triton.gather_kernel import gather_kernel
from stc.kernels.triton.search_kernel import nearest_kernel
from tests.kernels.cases import RELATIVE
from tests.kernels.torch.tensors import make, nearest, tied
from tests.kernels.triton.emulator import launch
from tests.kernels.triton.shipped import parameters
from tests.kernels.triton.without_gpu import chip

EMULATED = (80, 86, 89, 120)


def execute(launched):
    launch(launched.compiled, launched.arguments, launched.grid, deterministic=True)


def brute_force(latents, codebooks, penalty):
    """Indices and costs [B, G, T] in float64."""
    z, c = latents.double()[:, None, :, None], codebooks.double()
    costs = (z - c).square().sum(4)
    if penalty is not None:
        costs = costs + penalty.double()
    least = costs.min(3)
    return least.indices, least.values


@pytest.mark.parametrize("shipped", parameters(EMULATED))
@pytest.mark.parametrize("codewords", [13, 300])
def test_search_finds_what_float64_finds(shipped, codewords):
    images = THRESHOLD + 3 if shipped.many else 3
    dimensions = shipped.width - 7
    groups = 3 if shipped.given else 2
    latents, codebooks, penalty = make(images * groups, groups, 3, codewords, dimensions)
    penalty = penalty if shipped.given else None
    indices, costs = brute_force(latents, codebooks, penalty)
    given = None
    if shipped.given:
        every = torch.arange(len(latents))
        given = 2 * (every * 7 % 5 % 2)  # group 1 is empty
        indices, costs = indices[every, given], costs[every, given]
    with chip(shipped.chip, nearest_kernel, execute=execute) as launches:
        found = backend.run(latents, PreparedCodebooks(codebooks, penalty), given)
    assert launches[0].constants["IMAGES"] == shipped.table.images
    torch.testing.assert_close(found[0], indices, rtol=0, atol=0)
    torch.testing.assert_close(found[1].double(), costs, rtol=RELATIVE, atol=RELATIVE)


@pytest.mark.parametrize("capability", EMULATED)
def test_ties_go_to_the_lowest_index(capability):
    latents, codebooks = tied()
    indices, costs = nearest(latents, codebooks)
    with chip(capability, nearest_kernel, execute=execute):
        found = backend.run(latents, PreparedCodebooks(codebooks), None)
    torch.testing.assert_close(found[0], indices, rtol=0, atol=0)
    torch.testing.assert_close(found[1], costs, rtol=0, atol=0)


@pytest.mark.parametrize("capability", EMULATED)
def test_gather_copies_the_right_numbers(capability):
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(3, 5, 7, 4), torch.rand(3, 2, 9, 130)]
    packed = PackedCodebooks(levels)
    indices = torch.randint(7, (6, 7), generator=generator)
    groups = torch.arange(6) % 3
    with chip(capability, gather_kernel, execute=execute):
        numbers = backend.gather(indices, packed.flat, packed.columns, groups)
    expected = gather(indices, packed, groups)
    assert torch.equal(numbers, torch.cat([x.flatten(1) for x in expected], 1))
