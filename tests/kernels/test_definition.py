"""The definition against a simple loop."""

from itertools import product

import numpy as np
import pytest

from stc.kernels.definition import best_group, nearest
from tests.kernels.cases import make


def test_the_definition_is_brute_force():
    latents, codebooks, penalty = make(4, 2, 3, 9, 5)
    indices, costs = nearest(latents, codebooks, penalty)
    for b, g, t in product(range(4), range(2), range(3)):
        every = [
            sum((float(x) - float(y)) ** 2 for x, y in zip(latents[b, t], c, strict=True))
            + float(p)
            for c, p in zip(codebooks[g, t], penalty[g, t], strict=True)
        ]
        assert indices[b, g, t] == every.index(min(every))
        assert costs[b, g, t] == pytest.approx(min(every), rel=1e-6)


def test_of_equals_the_first_is_nearest():
    indices, _ = nearest(np.zeros((2, 3, 4), np.float32), np.ones((2, 3, 7, 4), np.float32))
    assert (indices == 0).all()
    assert (best_group(np.ones((2, 5, 3), np.float32)) == 0).all()


def test_the_best_group_is_that_of_least_total():
    costs = np.array([[[3, 3], [1, 4]], [[0, 1], [1, 0.5]]], np.float32)
    assert best_group(costs).tolist() == [1, 0]


def test_totals_are_taken_in_double_precision():
    costs = np.array([[[2**24, 1, 1], [2**24, 1, 0]]], np.float32)  # equal if summed in float32
    assert best_group(costs).tolist() == [1]
