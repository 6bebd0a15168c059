"""Axes that are even or odd, on a canvas of a dozen samples."""

import pytest
import torch

from stc.lab.training import subspace

SIZE = 12


@pytest.fixture(autouse=True)
def small_canvas(monkeypatch):
    """Sample i mirrors sample 11 - i."""
    monkeypatch.setattr(subspace, "PLANES", SIZE)
    monkeypatch.setattr(subspace, "MIRROR", torch.arange(SIZE).flip(0))
    monkeypatch.setattr(subspace, "_LEFT", torch.arange(SIZE // 2))


@pytest.fixture
def spread():
    """Even and odd covariance; the even axis i has power 2 ** -i, the odd ones a tenth of it."""
    torch.manual_seed(0)
    power = 2.0 ** -torch.arange(SIZE // 2)
    turns = [torch.linalg.qr(torch.randn(SIZE // 2, SIZE // 2)).Q for _ in range(2)]
    return [turn @ torch.diag(power * s) @ turn.T for turn, s in zip(turns, (1, 0.1), strict=True)]


def test_halves_are_the_even_and_the_odd_part():
    x = torch.randn(5, SIZE)
    even, odd = subspace.halves(x)
    torch.testing.assert_close(subspace.unhalve(even, 1) + subspace.unhalve(odd, -1), x)
    torch.testing.assert_close(subspace.unhalve(even, 1).flip(1), subspace.unhalve(even, 1))
    torch.testing.assert_close(subspace.unhalve(odd, -1).flip(1), -subspace.unhalve(odd, -1))


def test_principal_axes_are_those_of_the_whole_covariance(spread):
    turns = [subspace.unhalve(torch.eye(SIZE // 2), sign) for sign in (1, -1)]
    whole = sum(turn.T @ own @ turn for turn, own in zip(turns, spread, strict=True))
    axes, power = subspace.principal_axes(spread, 5)
    torch.testing.assert_close(power, torch.linalg.eigvalsh(whole).flip(0)[:5])
    torch.testing.assert_close(whole @ axes, axes * power)


def test_the_mean_of_faces_and_their_mirrors_is_even():
    planes, share = torch.randn(7, SIZE), torch.full((7,), 1 / 7)
    both = torch.cat([planes, planes.flip(1)]).mean(0)
    torch.testing.assert_close(subspace.mirrored_mean(planes, share), both)


def test_identity_axes_keep_all_that_the_gradients_say(spread):
    """Beside three principal axes, those of two gradients, whose mirrors count as well."""
    axes, _ = subspace.principal_axes(spread, 3)
    even, odd = torch.randn(1, SIZE // 2), torch.randn(1, SIZE // 2)
    gradients = subspace.unhalve(even, 1) + subspace.unhalve(odd, -1)
    more, power = subspace.identity_axes(spread, axes, gradients, 2)
    both = torch.cat([axes, more], 1)
    torch.testing.assert_close(both.T @ both, torch.eye(5), atol=1e-5, rtol=0)
    faces = torch.randn(10, SIZE)
    torch.testing.assert_close(faces @ both @ both.T @ gradients.T, faces @ gradients.T)
    mirrored = more.flip(0)
    torch.testing.assert_close(mirrored.abs(), more.abs(), atol=1e-5, rtol=0)
    turns = [subspace.unhalve(torch.eye(SIZE // 2), sign) for sign in (1, -1)]
    whole = sum(turn.T @ own @ turn for turn, own in zip(turns, spread, strict=True))
    torch.testing.assert_close(power, (more.T @ whole @ more).diagonal())
    assert power[0] >= power[1]


def test_of_identity_axes_the_strongest_are_taken(spread):
    axes, _ = subspace.principal_axes(spread, 2)
    gradients = torch.cat([subspace.unhalve(torch.randn(3, SIZE // 2), 1) * s for s in (1e-3, 1.0)])
    more, _ = subspace.identity_axes(spread, axes, gradients, 3)
    torch.testing.assert_close(
        gradients[3:] @ more @ more.T,
        gradients[3:] - gradients[3:] @ axes @ axes.T,
        atol=1e-4,
        rtol=1e-4,
    )
