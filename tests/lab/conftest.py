"""Faces to train on."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def faces():
    """Smooth pictures, uint8 [24, 128, 128, 4]; the first row of every second was never seen."""
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (24, 5, 5, 3), dtype=np.uint8)
    pictures = np.full((24, 128, 128, 4), 255, np.uint8)
    for picture, pixels in zip(pictures, small, strict=True):
        picture[..., :3] = Image.fromarray(pixels).resize((128, 128), Image.Resampling.BILINEAR)
    pictures[::2, 0, :, 3] = 0
    return pictures


@pytest.fixture(scope="session")
def array(faces, tmp_path_factory):
    """The faces as the file that `--data` takes."""
    path = tmp_path_factory.mktemp("data") / "faces.npy"
    np.save(path, faces)
    return path
