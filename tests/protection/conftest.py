"""Keys and templates."""

import numpy as np
import pytest

from stc.protection import GroupedTemplate, Key


def random_arrays(count, groups=49, size=16, seed=0):
    generator = np.random.default_rng(seed)
    weights = generator.random((count, groups)) + 0.1
    weights /= weights.sum(1, keepdims=True)
    return generator.standard_normal((count, groups, size)), weights


def random_template(seed=0, groups=49, size=16):
    features, weights = random_arrays(1, groups, size, seed)
    return GroupedTemplate(features[0], weights[0])


@pytest.fixture
def key():
    return Key(bytes(range(32)))


@pytest.fixture
def template():
    return random_template()
