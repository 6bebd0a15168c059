"""D_sys and M_sys against what can be worked out by hand."""

import numpy as np
import pytest

from stc.lab.attacks import linking
from stc.lab.attacks.linking import BINS, d_sys, linkability, m_sys


def test_scores_that_tell_all_and_nothing():
    apart, other = np.linspace(2, 3, 400), np.linspace(0, 1, 400)
    assert d_sys(apart, other) == pytest.approx(1)
    assert m_sys(apart, other) == pytest.approx(1)
    assert d_sys(other, other) == pytest.approx(0)
    assert m_sys(other, other) == pytest.approx(0)


def test_scores_that_tell_something():
    # Half of the mated lie where nobody else does; where all others lie, they are fewer.
    mated = np.concatenate([np.linspace(2, 3, 200), np.linspace(0, 1, 200)])
    other = np.linspace(0, 1, 400)
    assert d_sys(mated, other) == pytest.approx(0.5, abs=2 / BINS)
    assert m_sys(mated, other) == pytest.approx(np.log2(1.5), abs=2 / BINS)


def test_the_floor_is_that_of_chance(monkeypatch):
    monkeypatch.setattr(linking, "RESAMPLES", 60)
    generator = np.random.default_rng(0)
    mated, other = generator.normal(size=(2, 1000))
    found = linkability(mated, other)
    assert found.low <= found.high
    assert found.d_sys < found.floor_high + 0.02
    assert 0 < found.floor < found.floor_high < 0.1
    close = linkability(mated + 1, other)
    assert close.d_sys > 0.2 > close.floor
    assert close.low < close.d_sys < close.high + 0.02
    assert close.m_sys > close.m_floor + 0.1
