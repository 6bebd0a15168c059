"""Fixtures: a portrait, and pictures made of it."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def portrait() -> Image.Image:
    """320 x 320 pixels with one face, 95 px wide, right of and above the middle."""
    with Image.open(Path(__file__).parent.parent / "assets" / "astronaut.png") as image:
        return image.convert("RGB")
