"""Slerp and rotation in cases with known results."""

import numpy as np
import pytest

from stc.protection.rotation import frame, mixing, normalise, rotate, slerp, unrotate


def rows(*values):
    return np.float32(values)


def test_slerp_goes_along_the_circle():
    ninety = slerp(rows([1, 0]), rows([0, 1]), rows(1 / 3))
    assert ninety == pytest.approx(rows([np.sqrt(3) / 2, 0.5]), abs=1e-6)
    theta = np.radians(50)
    formula = (
        np.sin(0.1 * theta) * rows(1, 0) + np.sin(0.9 * theta) * rows(np.cos(theta), np.sin(theta))
    ) / np.sin(theta)
    end = rows([np.cos(theta), np.sin(theta)])
    assert slerp(rows([1, 0]), end, rows(0.9)) == pytest.approx(formula[None], abs=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_slerp_of_parallel_and_opposite(sign):
    start = normalise(np.random.default_rng(0).standard_normal((5, 16)).astype(np.float32))
    near = start + np.float32(1e-9)
    for end in (sign * start, sign * near):
        made = slerp(start, end, np.full(5, 0.5, np.float32))
        assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
        want = np.ones(5) if sign == 1 else np.zeros(5)  # half of 0 and of 180 degrees
        assert (made * start).sum(1) == pytest.approx(want, abs=1e-5)


def test_slerp_from_nothing_gives_the_end():
    made = slerp(rows([0, 0], [1, 0]), rows([0, 1], [0, 1]), rows(0.5, 0))
    assert made.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("size", [2, 3, 12, 16])
def test_rotation_keeps_angles_and_can_be_undone(size):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((4, 5, size)).astype(np.float32)
    signs = generator.choice(np.float32([-1, 1]), (4, 2, 5, size))
    matrix = mixing(size)
    assert matrix @ matrix.T == pytest.approx(np.eye(size), abs=1e-6)
    made = rotate(x, signs, matrix)
    assert (made**2).sum(-1) == pytest.approx((x**2).sum(-1), rel=1e-4)
    assert unrotate(made, signs, matrix) == pytest.approx(x, abs=1e-5)


def test_a_rotated_direction_is_anywhere():
    generator = np.random.default_rng(2)
    signs = generator.choice(np.float32([-1, 1]), (20000, 2, 1, 16))
    x = np.zeros((1, 16), np.float32)
    x[0, 3] = 1  # an axis, the direction that is hardest to spread evenly
    made = rotate(x, signs, mixing(16))[:, 0]
    assert np.abs(made.mean(0)).max() < 0.01
    assert np.abs(made.T @ made / 20000 - np.eye(16) / 16).max() < 0.005


@pytest.mark.parametrize(("groups", "size", "inputs"), [(49, 16, 512), (16, 16, 128), (5, 4, 12)])
def test_a_frame_keeps_lengths_and_its_groups_see_apart(groups, size, inputs):
    rows = frame(groups, size, inputs)
    flat = rows.reshape(-1, inputs)
    assert flat.T @ flat == pytest.approx(np.eye(inputs), abs=1e-5)
    inner = rows @ rows.transpose(0, 2, 1) * groups * size / inputs
    assert np.abs(inner - np.eye(size)).max() < 0.5


def test_a_frame_of_fewer_directions_is_orthonormal():
    flat = frame(2, 4, 12).reshape(8, 12)
    assert flat @ flat.T == pytest.approx(np.eye(8), abs=1e-6)
