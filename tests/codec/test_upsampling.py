"""Enlargement: properties of both kernels, and one row of each computed by hand."""

import numpy as np
import pytest

from stc.codec.upsampling import bicubic, bilinear

SIZES = [(64, 128), (32, 128), (5, 13)]


@pytest.mark.parametrize("kernel", [bicubic, bilinear])
@pytest.mark.parametrize(("samples", "size"), SIZES)
def test_what_is_even_stays_so(kernel, samples, size):
    weights = kernel(samples, size)
    assert weights.shape == (size, samples)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(("samples", "size"), SIZES)
def test_straight_lines_stay_straight(samples, size):
    places = (np.arange(size) + 0.5) * samples / size - 0.5
    found = bilinear(samples, size) @ np.arange(samples)
    np.testing.assert_allclose(found, places.clip(0, samples - 1), atol=1e-5)


@pytest.mark.parametrize("kernel", [bicubic, bilinear])
def test_the_same_size_changes_nothing(kernel):
    np.testing.assert_array_equal(kernel(9, 9), np.eye(9))


def test_rows_by_hand():
    np.testing.assert_allclose(bilinear(4, 8)[3], [0, 0.75, 0.25, 0])
    np.testing.assert_allclose(bilinear(4, 8)[0], [1, 0, 0, 0])
    # Keys' kernel at distances 1.25, 0.25, 0.75 and 1.75.
    expected = [-0.10546875, 0.87890625, 0.26171875, -0.03515625]
    np.testing.assert_allclose(bicubic(4, 8)[3], expected)
