"""The compiled code of every shipped kernel for every chip, checked without a GPU."""

import pytest
import torch

pytest.importorskip("triton")

import triton

from stc.kernels import triton as backend
from stc.kernels.torch import PackedCodebooks, PreparedCodebooks
from stc.kernels.triton.gather_kernel import gather_kernel
from stc.kernels.triton.search_kernel import nearest_kernel
from tests.kernels.triton.inspection import inspect
from tests.kernels.triton.shipped import CHIPS, parameters
from tests.kernels.triton.without_gpu import chip

# Shared memory of a multiprocessor in KiB; every block takes 1 KiB for the system.
SHARED = {80: 164, 86: 100, 89: 100, 90: 228, 100: 228, 120: 100}
TENSOR_CORE = {80: "HMMA", 86: "HMMA", 89: "HMMA", 90: "HGMMA", 100: "UTCHMMA", 120: "HMMA"}
# Instructions a distance at 16 dimensions; the assembler of triton 3.6 needs more on sm_100.
MOST_ARITHMETIC = 3.5 if triton.__version__ >= "3.7" else 4.0


@pytest.mark.parametrize("shipped", parameters())
def test_search_fits_the_chip_and_uses_it(shipped):
    launch = shipped.launch()
    config = shipped.table
    assert launch.constants["IMAGES"] == config.images
    assert launch.constants["BLOCK"] == config.block
    found = inspect(launch.compiled)
    assert found.spills == 0
    assert 2 * (found.shared + 1024) <= 1024 * SHARED[shipped.chip]
    assert found.tensor_core == {TENSOR_CORE[shipped.chip]}
    distances = config.images * config.block / found.threads  # a thread and turn of the loop
    if shipped.width == 16:
        assert found.arithmetic / distances <= MOST_ARITHMETIC


@pytest.mark.parametrize("capability", CHIPS)
def test_gather_does_not_spill(capability):
    packed = PackedCodebooks([torch.zeros(2, 3, 5, 4), torch.zeros(2, 2, 7, 9)])
    with chip(capability, gather_kernel) as launches:
        indices = torch.zeros(6, 5, dtype=torch.long)
        backend.gather(indices, packed.flat, packed.columns, indices[:, 0])
    assert inspect(launches[0].compiled).spills == 0


def test_sizes_that_vary_compile_nothing_new():
    with chip(80, nearest_kernel) as launches:
        for b, g, t, k, d in [(1, 1, 1, 1, 1), (16, 16, 16, 16, 16), (99, 3, 7, 200, 9)]:
            prepared = PreparedCodebooks(torch.zeros(g, t, k, d))
            backend.run(torch.zeros(b, t, d), prepared, None)
            unaligned = torch.zeros(b * t * d + 1)[1:].view(b, t, d)
            backend.run(unaligned, prepared, None)
        assert len(launches) == 6
        assert len({id(launch.compiled) for launch in launches}) == 1
    with chip(80, gather_kernel) as launches:
        for b, t, d in [(1, 1, 1), (16, 16, 16), (5, 7, 9)]:
            packed = PackedCodebooks([torch.zeros(2, t, 4, d)])
            indices = torch.zeros(b * t + 1, dtype=torch.long)[1:].view(b, t)
            backend.gather(indices, packed.flat, packed.columns, torch.zeros(b, dtype=torch.long))
        assert len(launches) == 3
        assert len({id(launch.compiled) for launch in launches}) == 1
