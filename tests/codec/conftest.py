"""One codec for all tests: loading the shipped weights takes longest."""

import numpy as np
import pytest

from stc import Codec
from stc.imaging import frame

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="session")
def codec():
    return Codec()


@pytest.fixture(scope="session")
def canvas():
    """The astronaut on the canvas, uint8 [128, 128, 3]."""
    return frame(ASTRONAUT)


@pytest.fixture(scope="session")
def noise():
    """Three canvases of noise, the worst case for the entropy coder."""
    return np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
