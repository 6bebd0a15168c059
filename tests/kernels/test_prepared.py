"""Preparation of codebooks for the search."""

import numpy as np
import pytest

from stc.kernels import PreparedCodebooks
from stc.kernels.prepared import LANES, centre_of
from tests.kernels.cases import make


def test_columns_are_the_centred_codebooks_padded_with_what_never_wins():
    _, codebooks, penalty = make(1, 2, 3, 21, 5, mean=4.0)
    prepared = PreparedCodebooks(codebooks, penalty)
    centred = codebooks - prepared.centre[:, None]
    assert prepared.columns.shape == (2, 3, 5, 2 * LANES)
    np.testing.assert_array_equal(prepared.columns[..., :21], centred.swapaxes(2, 3))
    expected = (np.square(centred).sum(3) + penalty) / 2
    np.testing.assert_allclose(prepared.bias[..., :21], expected, rtol=1e-6)
    assert np.isposinf(prepared.bias[..., 21:]).all()
    for array in (prepared.columns, prepared.bias, prepared.centre):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous


def test_the_centre_is_near_the_mean_and_has_few_digits():
    _, codebooks, _ = make(1, 3, 4, 100, 6, mean=7.0)
    centre = centre_of(codebooks)
    spread = codebooks.max((0, 2)) - codebooks.min((0, 2))
    assert (np.abs(centre - codebooks.mean((0, 2))) <= spread / 8).all()
    steps = centre / 2.0 ** (np.floor(np.log2(spread)) - 2)
    np.testing.assert_array_equal(steps, np.round(steps))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-30, 3e10])
def test_codewords_that_agree_are_their_own_centre(value):
    codebooks = np.full((2, 3, 4, 5), value, np.float32)
    np.testing.assert_array_equal(centre_of(codebooks), codebooks[0, :, 0])


def test_integers_stay_exact():
    codebooks = np.random.default_rng(0).integers(-9, 9, (2, 3, 50, 4)).astype(np.float32)
    prepared = PreparedCodebooks(codebooks)
    back = prepared.columns[..., :50].swapaxes(2, 3) + prepared.centre[:, None]
    np.testing.assert_array_equal(back, codebooks)


def test_another_penalty_needs_no_new_preparation():
    _, codebooks, penalty = make(1, 2, 4, 20, 7)
    prepared = PreparedCodebooks(codebooks)
    other = prepared.with_penalty(penalty)
    assert other.columns is prepared.columns
    np.testing.assert_array_equal(other.bias, PreparedCodebooks(codebooks, penalty).bias)
    np.testing.assert_array_equal(other.with_penalty(None).bias, prepared.bias)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_are_converted(dtype):
    _, codebooks, penalty = make(1, 2, 4, 20, 7)
    codebooks, penalty = codebooks.astype(dtype), penalty.astype(dtype)
    prepared = PreparedCodebooks(codebooks, penalty)
    assert prepared.codebooks.dtype == np.float32
    assert prepared.penalty.dtype == np.float32
    np.testing.assert_array_equal(prepared.codebooks, codebooks.astype(np.float32))


@pytest.mark.parametrize(
    ("codebooks", "penalty"),
    [
        (np.zeros((3, 4, 5)), None),
        (np.zeros((1, 3, 0, 5)), None),
        (np.zeros((1, 3, 4, 65)), None),
        (np.full((1, 3, 4, 5), np.nan), None),
        (np.full((1, 3, 4, 5), 1e30), None),  # its square is infinite
        (np.full((1, 3, 4, 5), 1e300), None),
        (np.zeros((1, 3, 4, 5)), np.zeros((1, 3, 5))),
        (np.zeros((1, 3, 4, 5)), np.full((1, 3, 4), np.inf)),
        (np.zeros((1, 3, 4, 5)), np.full((1, 3, 4), 1e300)),
    ],
)
def test_what_does_not_fit_is_refused(codebooks, penalty):
    with pytest.raises(ValueError, match=r"must be|at most|hold"):
        PreparedCodebooks(codebooks, penalty)
