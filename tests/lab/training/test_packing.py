"""Matrices in few bits: what is written is what is read, and what it costs."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from stc.codec.packing import unpack, unpack_digits
from stc.codec.planes import PLANES
from stc.lab.training.packing import (
    CODEBOOK_BITS,
    SYNTHESIS_BITS,
    bits_of,
    named,
    pack_basis,
    pack_codebooks,
    pack_codes,
    pack_metric,
    pack_synthesis,
)
from stc.lab.training.rounding import compensation, curve, round_rows
from stc.lab.training.subspace import MIRROR, unhalve


def correlated(size, seed=0):
    """The covariance of numbers of which each goes with its neighbours."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4 * size, size, generator=generator).cumsum(1)
    return x.T @ x / len(x)


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("columns", [1, 5, 8, 33])
def test_codes_come_back(bits, columns):
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(1 << bits, (6, columns), generator=generator).to(torch.uint8)
    np.testing.assert_array_equal(unpack_digits(pack_codes(codes, bits), bits, columns), codes)


def test_a_curve_has_two_halves_and_no_zero():
    for bits in range(1, 8):
        values = curve(bits).tolist()
        assert values == sorted(values)
        assert values == [-value for value in reversed(values)]
        assert values[-1] == 127


def test_errors_are_taken_back_by_later_rows():
    covariance = correlated(60)
    matrix = torch.randn(60, 9, generator=torch.Generator().manual_seed(1))

    def nearest(_, wanted):
        value = wanted.round()
        return value + 50, value

    def noise(codes):
        error = codes.float() - 50 - matrix
        return float((error * (covariance @ error)).sum())

    plain = (matrix.round() + 50).to(torch.uint8)
    assert noise(round_rows(matrix, compensation(covariance, 0.005), nearest)) < noise(plain) / 3
    # Nothing to take back where nothing goes together.
    alone = round_rows(matrix, compensation(torch.eye(60), 0.005), nearest)
    assert torch.equal(alone, plain)


def read(arrays):
    """What a decoder makes of packed arrays, float32."""
    matrix = unpack(arrays.__getitem__, set(arrays))
    return torch.from_numpy(matrix.values * matrix.scale)


def skewed(rows, columns, seed=0):
    """Numbers of rows and columns of many sizes, a few of them far from the others."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=generator)
    matrix *= 1 + matrix.abs() / 2
    matrix *= torch.logspace(0, -2, rows)[:, None]
    return matrix * torch.rand(columns, generator=generator)


def share(error, matrix):
    return float(error.square().sum() / matrix.square().sum())


def test_a_synthesis_is_what_it_will_be_read_as():
    matrix, shares = skewed(90, 40), []
    for bits in (3, 4, 5, 6):
        arrays, found = pack_synthesis(matrix, bits=bits)
        assert torch.equal(found, read(arrays))
        shares.append(share(found - matrix, matrix))
    assert shares[0] < 0.08
    assert all(b < 0.5 * a for a, b in pairwise(shares))
    arrays, found = pack_synthesis(matrix, bits=8)
    assert set(arrays) == {"", "scale"}
    assert share(found - matrix, matrix) < 1e-3


def test_columns_and_rows_of_nothing_stay_near_nothing():
    matrix = skewed(20, 9)
    matrix[:, 4], matrix[7] = 0, 0
    arrays, found = pack_synthesis(matrix, bits=4)
    assert torch.equal(found, read(arrays))
    assert found.isfinite().all()
    assert found[:, 4].abs().max() < 1e-3


@pytest.mark.parametrize("bits", [5, 8])
def test_codebooks_keep_their_axes(bits):
    books = skewed(24, 10).view(3, 8, 10)
    arrays, found = pack_codebooks(books, bits)
    assert found.shape == books.shape
    assert all(arrays[word].shape[:2] == (3, 8) for word in arrays.keys() & {"", "codes", "tops"})
    if bits < 8:
        assert torch.equal(found.flatten(0, 1), read(arrays))
    assert share(found - books, books) < 0.01


def test_a_metric_is_written_as_it_was_read():
    arrays, found = pack_metric(torch.randn(30, 6))
    again, same = pack_metric(found)
    assert torch.equal(found, same)
    assert all(np.array_equal(arrays[word], again[word]) for word in ("", "scale"))
    assert set(named("encoder.metrics.0", arrays)) == {
        "encoder.metrics.0",
        "encoder.metrics.0.scale",
    }


@pytest.mark.gate
def test_a_packed_basis_reads_faces_nearly_as_the_one_it_was():
    generator = torch.Generator().manual_seed(0)
    axes = [torch.linalg.qr(torch.randn(PLANES // 2, 40, generator=generator))[0] for _ in "12"]
    basis = torch.cat([unhalve(own.T, sign) for own, sign in zip(axes, (1, -1), strict=True)]).T
    power = torch.logspace(2, -2, 80)[torch.randperm(80, generator=generator)]
    order = power.argsort(descending=True)
    basis, power = basis[:, order].contiguous(), power[order]
    arrays, found = pack_basis(basis, power)
    assert torch.equal(found, read(arrays))
    assert torch.equal(found[MIRROR], found * torch.from_numpy(arrays["mirror"]).float())
    assert (found - basis).square().sum(0).max() < 0.01
    wrong = (basis.T @ found - torch.eye(80)).square() * power[:, None]
    assert (wrong.sum(0).sqrt() < 0.03 * power.sqrt()).all()


def test_a_basis_without_parity_is_refused():
    basis = torch.linalg.qr(torch.randn(PLANES, 3))[0]
    with pytest.raises(ValueError, match="neither even nor odd"):
        pack_basis(basis, torch.ones(3))


def test_the_first_levels_have_most_bits():
    firsts = (0, 25, 57, 89, 121, 185, 249, 377)
    for table in (SYNTHESIS_BITS, CODEBOOK_BITS):
        bits = [bits_of(first, table) for first in firsts]
        assert bits == sorted(bits, reverse=True)
        assert bits[0] > bits[-1] >= 4
