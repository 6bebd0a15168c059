"""`align`: the transform, the resampling and the border."""

import numpy as np
import pytest
from PIL import Image

from stc.canvas import CANVAS
from stc.imaging import align
from stc.imaging.alignment import TEMPLATE, displacement, similarity


def moved(points, degrees=0.0, scale=1.0, shift=(0.0, 0.0)):
    angle = np.radians(degrees)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return scale * points @ np.transpose(turn) + shift


@pytest.mark.parametrize("degrees", [0, 17, 90, -135])
@pytest.mark.parametrize("scale", [0.1, 1, 12])
def test_similarity_recovers_the_motion(degrees, scale):
    target = moved(TEMPLATE, degrees, scale, (40, -7))
    matrix = similarity(TEMPLATE, target)
    assert np.allclose(TEMPLATE @ matrix[:, :2].T + matrix[:, 2], target)


def test_displacement():
    assert displacement(TEMPLATE) == pytest.approx(0, abs=1e-9)
    assert displacement(TEMPLATE + np.array([3, 4])) == pytest.approx(5)


def test_aligned_stays_as_it_is(portrait):
    small = portrait.resize((CANVAS, CANVAS), Image.Resampling.LANCZOS)
    difference = align(small, TEMPLATE).astype(float) - np.asarray(small)
    assert np.sqrt((difference**2).mean()) < 3  # of 255: it is resampled twice


@pytest.mark.parametrize("scale", [0.5, 2, 3.7, 10])
@pytest.mark.parametrize("degrees", [0, 30])
def test_a_gradient_lands_where_it_should(scale, degrees):
    side = int(CANVAS * scale * 1.8)
    middle = np.array([side / 2, side / 2])
    landmarks = moved(TEMPLATE - CANVAS / 2, degrees, scale, middle)
    ramp = np.linspace(0, 255, side)
    x, y = np.meshgrid(ramp, ramp)
    canvas = align(Image.fromarray(np.stack([x, y, x], 2).round().astype(np.uint8)), landmarks)
    grid = np.stack(np.meshgrid(np.arange(CANVAS), np.arange(CANVAS)), 2) + 0.5
    spots = moved(grid - CANVAS / 2, degrees, scale, middle)
    expected = (spots - 0.5) / (side - 1) * 255
    assert np.abs(canvas[..., :2] - expected).max() < 2.5


@pytest.mark.parametrize("scale", [3, 10])
def test_size_of_the_source_does_not_matter(scale, portrait):
    side = portrait.width * scale
    large = portrait.resize((side, side), Image.Resampling.BICUBIC)
    landmarks = moved(TEMPLATE, 10, 1.3, (100, 60))
    difference = align(large, landmarks * scale).astype(float) - align(portrait, landmarks)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("scale", [3, 10])
def test_no_aliasing(scale):
    side = CANVAS * scale
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::2] = 255
    canvas = align(Image.fromarray(stripes), TEMPLATE * scale)
    assert np.abs(canvas[4:-4, 4:-4].astype(int) - 128).max() <= 3


def test_border_is_repeated():
    half = np.zeros((100, 100, 3), np.uint8)
    half[:, 50:] = (200, 100, 50)
    canvas = align(Image.fromarray(half), TEMPLATE - CANVAS / 2 + 50)
    assert (canvas[:, :60] == 0).all()
    assert (canvas[:, 70:] == (200, 100, 50)).all()


def test_face_outside_the_image_and_image_of_one_pixel():
    for image in (Image.new("RGB", (1, 1), (5, 6, 7)), Image.new("RGB", (50, 9), (5, 6, 7))):
        for shift in (-4000, 0, 4000):
            assert (align(image, TEMPLATE + shift) == (5, 6, 7)).all()


def test_result_is_a_canvas(portrait):
    canvas = align(portrait, TEMPLATE * 2)
    assert (canvas.shape, canvas.dtype) == ((CANVAS, CANVAS, 3), np.uint8)
    assert canvas.flags.writeable
