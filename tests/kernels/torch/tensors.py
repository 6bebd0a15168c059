"""The test cases and the definition of the search with torch tensors."""

import torch

from stc.kernels import definition
from tests.kernels import cases


def make(b, g, t, k, d, mean=0.0):
    """Latents, codebooks and a penalty, normally and evenly distributed."""
    return tuple(map(torch.from_numpy, cases.make(b, g, t, k, d, mean)))


def groups_for(images, groups):
    """A group for every image, int64 [images], of several in no order."""
    return torch.from_numpy(cases.groups_for(images, groups))


def tied():
    """Latents and codebooks; most latents have several codewords at exactly equal distance."""
    return tuple(map(torch.from_numpy, cases.tied()))


def nearest(latents, codebooks, penalty=None):
    """The indices and costs [B, G, T] by the definition."""
    arrays = [None if x is None else x.numpy() for x in (latents, codebooks, penalty)]
    return tuple(map(torch.from_numpy, definition.nearest(*arrays)))
