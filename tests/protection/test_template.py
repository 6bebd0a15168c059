"""Valid and invalid plain templates."""

import numpy as np
import pytest

from stc.errors import TemplateError
from stc.protection import GroupedTemplate
from stc.protection.template import similarity, unit

FEATURES, WEIGHTS = np.ones((3, 4)), np.full(3, 1 / 3)


@pytest.mark.parametrize(
    ("features", "weights"),
    [
        (FEATURES[0], WEIGHTS),
        (FEATURES[:, :1], WEIGHTS),
        (FEATURES[:0], WEIGHTS[:0]),
        (np.ones((1, 300)), np.ones(1)),
        (np.ones((1025, 2)), np.full(1025, 1 / 1025)),
        (FEATURES, WEIGHTS[:2]),
        (FEATURES, WEIGHTS * 1.1),
        (FEATURES, np.array([1.5, -0.5, 0])),
        (FEATURES, np.array([np.nan, 0.5, 0.5])),
        (FEATURES * np.nan, WEIGHTS),
        (FEATURES * np.inf, WEIGHTS),
        (FEATURES * 0, WEIGHTS),
        ([["a", "b"]], [1]),
    ],
)
def test_what_is_refused(features, weights):
    with pytest.raises(TemplateError):
        GroupedTemplate(features, weights)


def test_arrays_are_copies_that_stay_as_they_are():
    own = FEATURES.copy()
    template = GroupedTemplate(own, WEIGHTS)
    own[0] = 7
    assert template.features[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        template.features[0] = 2


def test_unit_rows_at_any_scale():
    rows = unit(np.float32([[3, 4], [3e-30, 4e-30], [3e30, 4e30], [0, 0]]))
    assert rows == pytest.approx(np.array([[0.6, 0.8]] * 3 + [[0, 0]]))


def test_similarity_is_weighted_by_the_query():
    one = GroupedTemplate([[1, 0], [1, 0]], [0.75, 0.25])
    other = GroupedTemplate([[2, 0], [0, 3]], [0.5, 0.5])
    assert similarity(one, other) == pytest.approx(0.75)
    assert similarity(other, one) == pytest.approx(0.5)
