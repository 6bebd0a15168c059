"""Figures against what can be worked out by hand."""

import numpy as np
import pytest

from stc.lab.evaluation import metrics


def test_cosines_and_distances():
    left, right = np.float32([[3, 0], [0, 2]]), np.float32([[1, 0], [2, 0]])
    assert metrics.cosines(left, right).tolist() == pytest.approx([1, 0])
    assert metrics.distances(left, right).tolist() == pytest.approx([2, np.sqrt(8)])


def test_tar_at_far_interpolates_between_impostors():
    same = np.array([True] * 4 + [False] * 11)
    distance = np.concatenate([[0.1, 1.0, 1.04, 5], np.arange(1, 12)])
    # One percent of the way from the nearest impostor, at 1, over ten steps of 1: 1.1.
    assert metrics.threshold_at_far(distance, same, 0.01) == pytest.approx(1.1)
    assert metrics.tar_at_far(distance, same, 0.01) == 0.75
    low, high = metrics.tar_interval(distance, same, 0.01, 100)
    assert low < 0.75 < high


def test_roc_and_its_area():
    score = np.array([0.9, 0.8, 0.8, 0.1])
    positive = np.array([True, True, False, False])
    assert metrics.auc(score, positive) == pytest.approx(7 / 8)
    assert metrics.auc(-score, positive) == pytest.approx(1 / 8)
    assert np.isnan(metrics.auc(score, positive | True))
    far, tar = metrics.roc(np.array([0.1, 0.4, 0.2]), np.array([True, True, False]))
    assert far.tolist() == [0, 0, 1, 1]
    assert tar.tolist() == [0, 0.5, 0.5, 1]


def test_intervals_hold_what_they_are_about():
    assert metrics.wilson(0, 100) == (0, pytest.approx(0.037, abs=1e-3))
    assert metrics.wilson(50, 100) == (
        pytest.approx(0.404, abs=1e-3),
        pytest.approx(0.596, abs=1e-3),
    )
    values = np.random.default_rng(1).normal(size=400)
    low, high = metrics.bootstrap(lambda rows: float(values[rows].mean()), 400)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)
