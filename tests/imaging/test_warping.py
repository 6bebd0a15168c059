"""`warp`: positions of points, pixels outside the image, bounded time for large images."""

import numpy as np
import pytest
from PIL import Image

from stc.imaging.warping import warp

GREY = (123, 117, 104)


def matrix(degrees, scale, shift):
    angle = np.radians(degrees)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize("scale", [0.4, 1, 1.9, 6.5])
@pytest.mark.parametrize("degrees", [0, 20, -100])
def test_points_land_where_the_matrix_says(degrees, scale, fine):
    side = round(300 * scale)
    ramp = np.linspace(0, 255, side)
    x, y = np.meshgrid(ramp, ramp)
    image = Image.fromarray(np.stack([x, y, x], 2).round().astype(np.uint8))
    move = matrix(degrees, scale, (0, 0))
    move[:, 2] = side / 2 - move[:, :2] @ (40, 30)  # the middle shows the middle
    shown = np.asarray(warp(image, move, (80, 60), fine=fine)).astype(float)
    grid = np.stack(np.meshgrid(np.arange(80), np.arange(60)), 2) + 0.5
    expected = (grid @ move[:, :2].T + move[:, 2] - 0.5) / (side - 1) * 255
    assert np.abs(shown[..., :2] - expected).max() < 2.5


@pytest.mark.parametrize("fine", [True, False])
def test_outside_is_the_colour_or_the_border(fine):
    image = Image.new("RGB", (50, 40), (10, 200, 30))
    move = matrix(0, 1, (-20, -30))
    filled = np.asarray(warp(image, move, (90, 100), fine=fine, fill=GREY))
    assert (filled[30:70, 20:70] == (10, 200, 30)).all()
    outside = np.ones(filled.shape[:2], bool)
    outside[30:70, 20:70] = False
    assert (filled[outside] == GREY).all()
    assert (np.asarray(warp(image, move, (90, 100), fine=fine)) == (10, 200, 30)).all()


@pytest.mark.parametrize("fill", [None, GREY])
@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3)])
@pytest.mark.parametrize("shift", [-9000, 0, 9000])
def test_any_image_and_any_place(size, shift, fill):
    image = Image.new("RGB", size, GREY)
    shown = warp(image, matrix(30, 2.5, (shift, 10)), (32, 16), fill=fill)
    assert (np.asarray(shown) == GREY).all()
    assert shown.size == (32, 16)


def test_a_large_image_is_shrunk_before_it_is_turned(monkeypatch):
    seen = []
    turn = Image.Image.transform
    monkeypatch.setattr(
        Image.Image,
        "transform",
        lambda image, *rest, **named: seen.append(image.size) or turn(image, *rest, **named),
    )
    warp(Image.new("RGB", (3000, 2000)), matrix(10, 15, (0, 0)), (128, 128))
    assert max(seen[0]) < 250
