"""`find_faces`: where, how many, and not in gravel."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from stc.imaging import find_faces

EYES_AND_MOUTH = [[144.8, 100.8], [187.4, 103.4], [163.6, 129.2], [142.5, 138.1], [184.2, 140.6]]


def test_landmarks(portrait):
    (face,) = find_faces(portrait)
    assert np.abs(face.landmarks - EYES_AND_MOUTH).max() < 3
    assert face.width == pytest.approx(95, abs=5)
    assert face.score > 0.99


@pytest.mark.parametrize("side", [180, 640, 2000])
def test_landmarks_follow_the_size(side, portrait):
    (face,) = find_faces(portrait.resize((side, side), Image.Resampling.BICUBIC))
    assert np.abs(face.landmarks * 320 / side - EYES_AND_MOUTH).max() < 4


@pytest.mark.parametrize("size", [(1000, 700), (2500, 1800), (1200, 2600)])
def test_small_face_in_a_large_picture(size, portrait):
    scene = Image.new("RGB", size, (90, 110, 100))
    scene.paste(portrait.resize((160, 160), Image.Resampling.LANCZOS), (size[0] - 400, 300))
    (face,) = find_faces(scene)
    spots = (face.landmarks - (size[0] - 400, 300)) * 2
    assert np.abs(spots - EYES_AND_MOUTH).max() < 6


def test_face_that_fills_the_frame(portrait):
    (face,) = find_faces(portrait.crop((118, 60, 212, 172)).resize((940, 1120)))
    assert np.abs(face.landmarks / 10 + (118, 60) - EYES_AND_MOUTH).max() < 4


def test_largest_first(portrait):
    scene = Image.new("RGB", (700, 330), (90, 110, 100))
    scene.paste(portrait.resize((200, 200)), (10, 50))
    scene.paste(portrait, (300, 0))
    large, small = find_faces(scene)
    assert large.width > 1.3 * small.width
    assert large.centre[0] > 300 > small.centre[0]


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (256, 256), (1500, 3), (900, 700)])
def test_nothing_in_noise(size):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert find_faces(Image.fromarray(noise)) == []


def test_nothing_in_a_gradient():
    sky = np.linspace((90, 140, 220), (60, 90, 40), 300)[:, None].repeat(400, 1)
    assert find_faces(Image.fromarray(sky.astype(np.uint8))) == []


def test_deterministic(portrait):
    (one,), (other,) = find_faces(portrait), find_faces(portrait)
    assert (one.box, one.score) == (other.box, other.score)
    assert np.array_equal(one.landmarks, other.landmarks)


def test_import_is_light():
    code = "import sys, stc.imaging; sys.exit(not {'cv2', 'onnxruntime'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
