"""The choice of components, on a canvas of a dozen samples."""

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


@pytest.mark.parametrize("rank", [4, SIZE])
def test_a_face_made_of_the_components_comes_back(spread, rank):
    basis, analysis = subspace.identity_axes(spread, torch.randn(40, SIZE), 2.0, rank)
    torch.testing.assert_close(basis.T @ basis, torch.eye(rank), atol=1e-5, rtol=0)
    torch.testing.assert_close(analysis.T @ basis, torch.eye(rank), atol=1e-5, rtol=0)


def test_without_identity_they_are_principal_components(spread):
    basis, analysis = subspace.identity_axes(spread, torch.randn(40, SIZE), 0.0, 4)
    torch.testing.assert_close(basis, analysis, atol=1e-5, rtol=0)
    axes, _ = subspace.principal_axes(spread, 4)
    torch.testing.assert_close(basis @ basis.T, axes @ axes.T, atol=1e-5, rtol=0)


def test_what_the_recogniser_looks_at_survives_though_it_varies_little(spread):
    weak = subspace.principal_axes(spread, SIZE)[0][:, -1]
    gradients = torch.randn(40, 1) * weak
    kept = {}
    for identity in (0.0, 100.0):
        basis, analysis = subspace.identity_axes(spread, gradients, identity, 3)
        kept[identity] = float(weak @ basis @ analysis.T @ weak)
    assert kept[0.0] < 0.01
    assert kept[100.0] > 0.99


def test_the_projection_makes_up_for_what_the_span_cannot_hold(spread):
    """Of all pictures in the span it is the one nearest in the metric, not in pixels."""
    gradients = torch.randn(40, SIZE)
    basis, analysis = subspace.identity_axes(spread, gradients, 3.0, 4)
    metrics = subspace.balanced([g.T @ g for g in subspace.halves(gradients)], spread)
    turns = [subspace.unhalve(torch.eye(SIZE // 2), sign) for sign in (1, -1)]
    metric = torch.eye(SIZE) + 3 * sum(
        turn.T @ own @ turn for turn, own in zip(turns, metrics, strict=True)
    )
    face = torch.randn(SIZE)
    best = torch.linalg.solve(basis.T @ metric @ basis, basis.T @ metric @ face)
    torch.testing.assert_close(analysis.T @ face, best, atol=1e-4, rtol=1e-4)


def test_turning_decorrelates_and_keeps_the_projection(spread):
    found = subspace.identity_axes(spread, torch.randn(40, SIZE), 2.0, 6)
    basis, analysis = subspace.decorrelated(*found, spread)
    torch.testing.assert_close(basis @ analysis.T, found[0] @ found[1].T, atol=1e-5, rtol=0)
    parts = zip(spread, subspace.halves(analysis.T), strict=True)
    covariance = sum(x @ own @ x.T for own, x in parts)
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), atol=1e-5, rtol=0)
    assert (covariance.diagonal().diff() <= 0).all()
