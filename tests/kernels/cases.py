"""Shapes and numbers with which every backend is tested."""

import numpy as np

# b, g, t, k, d: ones, odd numbers, no images, the largest dimension, more than one tile and piece
SHAPES = [
    (1, 1, 1, 1, 1),
    (5, 1, 7, 256, 9),
    (3, 4, 5, 13, 16),
    (2, 3, 1, 100, 64),
    (0, 2, 3, 4, 5),
    (301, 2, 2, 65, 12),
    (1, 3, 4, 128, 8),
]

RELATIVE = 1e-6  # between costs whose sums were taken in another order


def make(b, g, t, k, d, mean=0.0):
    """Latents, codebooks and a penalty, normally and evenly distributed."""
    generator = np.random.default_rng(b * 1000 + d)
    latents = generator.standard_normal((b, t, d), np.float32) + np.float32(mean)
    codebooks = generator.standard_normal((g, t, k, d), np.float32) + np.float32(mean)
    return latents, codebooks, generator.random((g, t, k), np.float32)


def groups_for(images, groups):
    """A group for every image, int64 [images], of several in no order."""
    return np.random.default_rng(0).integers(groups, size=images)


def tied():
    """Halves and small integers: most latents have several codewords at exactly equal distance."""
    generator = np.random.default_rng(0)
    latents = generator.integers(-3, 4, (50, 6, 3)).astype(np.float32) / 2
    return latents, generator.integers(-3, 4, (4, 6, 300, 3)).astype(np.float32)
