"""Keys, templates, faces and heads."""

import numpy as np
import pytest

from stc.protection import GroupedTemplate, Key
from stc.protection.heads import Head, shapes


def random_arrays(count, groups=49, size=16, seed=0):
    generator = np.random.default_rng(seed)
    weights = generator.random((count, groups)) + 0.1
    weights /= weights.sum(1, keepdims=True)
    return generator.standard_normal((count, groups, size)), weights


def random_template(seed=0, groups=49, size=16):
    features, weights = random_arrays(1, groups, size, seed)
    return GroupedTemplate(features[0], weights[0])


def random_head(shape, seed=0, size=16):
    """A random head for feature maps of `shape` (C, H, W)."""
    generator = np.random.default_rng(seed)
    arrays = {
        name: generator.standard_normal(sides).astype(np.float32) * np.float32(0.3)
        for name, sides in shapes(shape, size).items()
    }
    for name in arrays:
        if name.endswith("running_var"):
            arrays[name] = np.abs(arrays[name]) + np.float32(0.5)
    return Head(shape, arrays)


@pytest.fixture(scope="session")
def faces():
    coarse = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), np.uint8)
    return coarse.repeat(16, 1).repeat(16, 2)


@pytest.fixture
def key():
    return Key(bytes(range(32)))


@pytest.fixture
def template():
    return random_template()
