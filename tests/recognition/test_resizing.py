"""Resizing, compared with Pillow's filter in floating point and with torch."""

import numpy as np
import pytest
from PIL import Image

from stc.recognition.resizing import resize

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 104, 104, 3), np.uint8)


@pytest.mark.parametrize("size", [1, 40, 52, 103, 112, 224])
def test_it_is_the_triangle_filter(size):
    made = resize(PICTURES, size)
    assert (made.shape, made.dtype) == ((2, 3, size, size), np.float32)
    for picture, planes in zip(PICTURES, made, strict=True):
        for channel in range(3):
            plane = Image.fromarray(picture[..., channel].astype(np.float32))
            expected = plane.resize((size, size), Image.Resampling.BILINEAR)
            assert planes[channel] == pytest.approx(np.asarray(expected), abs=1e-3)


def test_the_same_size_changes_nothing():
    assert np.array_equal(resize(PICTURES, 104), PICTURES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("size", [40, 112])
def test_it_is_what_torch_does(size):
    torch = pytest.importorskip("torch")
    planes = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.interpolate(
        planes, size=size, mode="bilinear", align_corners=False, antialias=size < 104
    )
    assert resize(PICTURES, size) == pytest.approx(expected.numpy(), abs=5e-3)
