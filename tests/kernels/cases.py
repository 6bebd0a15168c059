"""Shapes and numbers that every backend is tried on."""

import torch

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
    generator = torch.Generator().manual_seed(b * 1000 + d)
    latents = mean + torch.randn(b, t, d, generator=generator)
    codebooks = mean + torch.randn(g, t, k, d, generator=generator)
    return latents, codebooks, torch.rand(g, t, k, generator=generator)


def tied():
    """Halves and small integers: most latents have several codewords at the very same distance."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randint(-3, 4, (50, 6, 3), generator=generator) / 2
    return latents, torch.randint(-3, 4, (4, 6, 300, 3), generator=generator).float()
