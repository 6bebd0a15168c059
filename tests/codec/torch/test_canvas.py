"""Planes in torch are the same as in numpy, and give pictures of the same colours."""

import numpy as np
import torch

from stc.codec import planes
from stc.codec.torch.canvas import plane_weight, split_planes, to_planes, to_rgb


def test_planes_are_those_of_numpy():
    canvases = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    rgb = torch.from_numpy(canvases).permute(0, 3, 1, 2) / 255
    np.testing.assert_allclose(to_planes(rgb).numpy(), planes.to_planes(canvases), atol=1e-6)
    np.testing.assert_array_equal(plane_weight().numpy(), planes.PLANE_WEIGHT)


def test_a_plain_colour_comes_back():
    colour = torch.tensor([0.9, 0.2, 0.4])[None, :, None, None].expand(2, 3, 128, 128)
    found = to_planes(colour)
    luma, chroma = split_planes(found)
    assert luma.shape == (2, 1, 64, 64)
    assert chroma.shape == (2, 2, 32, 32)
    torch.testing.assert_close(to_rgb(found), colour.contiguous(), atol=1e-5, rtol=0)
