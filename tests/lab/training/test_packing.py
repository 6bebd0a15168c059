"""The encoder's matrices in few bits: what is written is what is read, and what it costs."""

import numpy as np
import pytest
import torch

from stc.codec.matrix import Matrix
from stc.codec.packing import unpack_codes, unpack_curved, unpack_mirrored
from stc.lab.training.packing import level_bits, pack_codes, pack_curved, pack_mirrored
from stc.lab.training.rounding import compensation, curve, round_rows


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
    order = np.arange(1 << bits).astype(np.int8)
    np.testing.assert_array_equal(unpack_codes(pack_codes(codes, bits), order, columns), codes)


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
    assert noise(round_rows(matrix, compensation(covariance), nearest)) < noise(plain) / 3
    # Nothing to take back where nothing goes together.
    alone = round_rows(matrix, compensation(torch.eye(60)), nearest)
    assert torch.equal(alone, plain)


def test_a_curved_matrix_is_near_the_one_that_was_packed():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(90, 40)) * generator.uniform(1, 40, (90, 1))
    values = rows.clip(-127, 127).round().astype(np.int8)
    errors = []
    for bits in (4, 5, 6):
        packed = pack_curved(values, torch.eye(90), bits)
        matrix = unpack_curved({**packed, "scale": np.ones(40, np.float16)}.__getitem__)
        error = matrix.values.astype(int) - values
        errors.append(np.sqrt((error**2).mean() / (values.astype(int) ** 2).mean()))
    assert errors[0] < 0.15
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.6 * errors[1]


@pytest.mark.parametrize("mirror", [[1, -1, 1], pytest.param([1, 0, -1], marks=pytest.mark.gate)])
def test_a_mirrored_matrix_is_near_the_one_that_was_packed(mirror):
    base, beyond = planes(mirror, 0), planes(mirror, 1) * 0.05
    scale = (base.abs().amax(0) / 100).numpy().astype(np.float16)
    values = (base / torch.from_numpy(scale).float()).round().numpy().astype(np.int8)
    analysis = torch.from_numpy(values * scale.astype(np.float32)) + beyond
    packed = pack_mirrored(analysis, values, scale, torch.eye(6144))
    assert packed["mirror"].tolist() == mirror
    found = unpack_mirrored(packed.__getitem__, Matrix(values, scale.astype(np.float32)))
    error = torch.from_numpy(found.values * found.scale) - analysis
    assert error.square().mean().sqrt() < 0.25 * beyond.square().mean().sqrt()


def planes(mirror, seed):
    """Planes [6144, Z] that are even, odd or neither."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for side in (64, 32, 32):
        plane = torch.randn(side, side, len(mirror), generator=generator)
        found.append((plane + torch.tensor(mirror) * plane.flip(1)).flatten(0, 1))
    return torch.cat(found)


def test_sums_stay_in_eight_bits():
    values = np.full((6144, 1), 127, np.int8)
    values[::2] = -127
    scale = np.ones(1, np.float16)
    analysis = torch.from_numpy(values * 1.2).float()
    found = unpack_mirrored(
        pack_mirrored(analysis, values, scale, torch.eye(6144)).__getitem__,
        Matrix(values, np.ones(1, np.float32)),
    )
    assert (np.sign(found.values) == np.sign(values)).all()


def test_the_first_level_keeps_eight_bits_and_the_last_has_fewest():
    bits = [level_bits(first) for first in (0, 25, 57, 89, 121, 185, 249, 377)]
    assert bits == [8, 6, 6, 6, 6, 6, 5, 4]
