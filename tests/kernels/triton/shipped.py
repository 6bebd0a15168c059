"""Every kernel that ships: chips, configurations and variants, and a launch of each."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import pytest
import torch

from stc.kernels import triton as backend
from stc.kernels.torch import PreparedCodebooks
from stc.kernels.triton.configs import FEW, MANY, THRESHOLD, Config
from tests.kernels.triton.without_gpu import Launch, chip

CHIPS = (80, 86, 89, 90, 100, 120)  # A100, A10, L4, H100, B200, RTX 5090


class Shipped(NamedTuple):
    """One compiled kernel of the search."""

    chip: int
    width: int  # padded dimensions
    many: bool  # images
    given: bool  # groups, and a penalty: the other variant of the kernel

    @property
    def name(self) -> str:
        return (
            f"sm_{self.chip}-D{self.width}-{'many' if self.many else 'few'}{'-given' * self.given}"
        )

    @property
    def table(self) -> Config:
        return (MANY if self.many else FEW)[self.width]

    def launch(self) -> Launch:
        """Compile it as a user's search would, at sizes that leave a hot loop of several blocks."""
        from stc.kernels.triton.search_kernel import nearest_kernel

        images = 2 * THRESHOLD if self.many else 3
        prepared = PreparedCodebooks(
            torch.zeros(2, 2, 1024, self.width), torch.zeros(2, 2, 1024) if self.given else None
        )
        groups = torch.zeros(images, dtype=torch.long) if self.given else None
        with chip(self.chip, nearest_kernel) as launches:
            backend.run(torch.zeros(images, 2, self.width), prepared, groups)
        return launches[0]


SHIPPED = [Shipped(*x) for x in product(CHIPS, FEW, (False, True), (False, True))]

# One of each family of tensor cores, width and table: what the default suite proves.
SMOKE = {
    Shipped(80, 16, True, True),
    Shipped(86, 64, False, False),
    Shipped(90, 16, True, False),
    Shipped(100, 16, False, False),
    Shipped(120, 32, True, True),
}


def parameters(chips: tuple[int, ...] = CHIPS) -> list[object]:
    """pytest parameters: all shipped kernels for these chips; those of the default suite marked."""
    return [
        pytest.param(x, id=x.name, marks=() if x in SMOKE else pytest.mark.gate)
        for x in SHIPPED
        if x.chip in chips
    ]
