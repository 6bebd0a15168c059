"""`find_faces`: places and numbers of faces, and no false detections in textures."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from stc.imaging import detection, find_faces
from stc.imaging.alignment import TEMPLATE
from stc.imaging.network import Detection

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


@pytest.mark.parametrize("blur", [0, 1, 3, 8])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_in_textures(seed, blur):
    noise = np.random.default_rng(seed).integers(0, 256, (300, 420), np.uint8)
    texture = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(blur))
    assert find_faces(ImageOps.autocontrast(texture).convert("RGB")) == []


@pytest.mark.parametrize("degrees", [-25, -10, 20])
def test_landmarks_follow_a_rotation(degrees, portrait):
    turned = portrait.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
    (face,) = find_faces(turned)
    angle = np.radians(-degrees)  # counter-clockwise, where y grows downwards
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (np.array(EYES_AND_MOUTH) - 160) @ turn.T + 160
    assert np.abs(face.landmarks - expected).max() < 4


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_picture_any_way_up(degrees, portrait):
    scene = Image.new("RGB", (560, 560), (110, 115, 112))
    scene.paste(portrait, (120, 120))
    scene = scene.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(110, 115, 112))
    (face,) = find_faces(scene)
    angle = np.radians(-degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (np.array(EYES_AND_MOUTH) - 160) @ turn.T + 280
    assert np.sqrt(((face.landmarks - expected) ** 2).sum(1).mean()) < 8  # of a face of 95 px


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
@pytest.mark.parametrize("size", [(320, 320), (320, 250), (250, 320)])
def test_turned_and_mirrored(turn, size, portrait):
    picture = portrait.crop((0, 0, *size))
    seen = picture if turn is None else picture.transpose(turn)
    (face,) = find_faces(seen)
    # Pixel values that encode their positions.
    places = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), -1).astype(np.float32)
    bands = [Image.fromarray(places[..., axis]) for axis in (0, 1)]
    moved = [np.asarray(band if turn is None else band.transpose(turn)) for band in bands]
    x, y = face.landmarks.T.round().astype(int)
    found = np.stack([band[y, x] for band in moved], 1)
    if turn in (
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    ):
        found = found[[1, 0, 2, 4, 3]]
    assert np.sqrt(((found - EYES_AND_MOUTH) ** 2).sum(1).mean()) < 8


def test_two_faces_of_a_picture_upside_down(portrait):
    scene = Image.new("RGB", (660, 330), (90, 110, 100))
    scene.paste(portrait, (0, 0))
    scene.paste(portrait.resize((280, 280)), (340, 20))
    assert len(find_faces(scene.rotate(180))) == 2


def test_landmarks_do_not_shake(portrait):
    """A face that is shifted by a few pixels, enlarged or reduced is detected at its place."""
    (face,) = find_faces(portrait)
    for left, top, scale in ((7, 5, 1), (20, 11, 1), (3, 40, 1), (0, 0, 1.1), (0, 0, 0.93)):
        side = round(320 * scale)
        moved = portrait.resize((side, side), Image.Resampling.BICUBIC).crop(
            (left, top, side, side)
        )
        (other,) = find_faces(moved)
        off = (other.landmarks + np.array([left, top])) * 320 / side - face.landmarks
        assert np.sqrt((off**2).sum(1).mean()) < 1.6


@pytest.mark.parametrize("box", [(140, 0, 320, 320), (0, 0, 192, 320), (0, 90, 320, 320)])
def test_a_face_cut_by_the_border(box, portrait):
    (face,) = find_faces(portrait.crop(box))
    assert np.abs(face.landmarks + box[:2] - EYES_AND_MOUTH).max() < 6


@pytest.mark.parametrize("size", [(400, 300), (800, 1100)])
def test_a_rival_half_as_wide_is_seen(size, portrait):
    scene = Image.new("RGB", size, (90, 110, 100))
    scene.paste(portrait.resize((240, 240), Image.Resampling.LANCZOS), (0, 0))
    scene.paste(portrait.resize((130, 130), Image.Resampling.LANCZOS), (size[0] - 130, 150))
    large, small = find_faces(scene)
    assert 0.5 < small.width / large.width < 0.6


def test_what_a_close_look_does_not_confirm_is_no_face(portrait, monkeypatch):
    seen = detection.detect
    for score, faces in ((0.96, 0), (0.98, 1)):

        def doubting(pixels, least, fine=True, score=score):
            found = seen(pixels, least, fine=fine)
            if fine:
                return found
            return [[one._replace(score=score) for one in each] for each in found]

        monkeypatch.setattr(detection, "detect", doubting)
        assert len(find_faces(portrait)) == faces


def test_the_work_is_bounded(monkeypatch):
    pixels = []
    spots = np.random.default_rng(0).uniform(0, 150, (40, 2))

    def gravel(batch, *rest, fine=True):
        """Forty candidates in every copy; the second pass detects each at a low score."""
        pixels.append(batch[..., 0].size)
        if fine:
            return [[Detection(np.array([*at, 30, 30]), at + TEMPLATE / 4, 0.9) for at in spots]]
        seen = Detection(np.array([40, 20, 80, 90]), TEMPLATE * 1.5 - 32.5, 0.5)
        return [[seen] for _ in batch]

    monkeypatch.setattr(detection, "detect", gravel)
    assert find_faces(Image.new("RGB", (2816, 2112))) == []
    # Per orientation: a copy of each size, and two second passes over its 16 candidates.
    assert sum(pixels) > 4 * 1408 * 1056
    assert sum(pixels) < 4 * (1408**2 + 512**2 + 192**2 + 6 * 16 * 160**2)


def test_a_portrait_takes_two_looks(portrait, monkeypatch):
    shapes = []
    seen = detection.detect
    monkeypatch.setattr(
        detection,
        "detect",
        lambda batch, *rest, **named: shapes.append(batch.shape) or seen(batch, *rest, **named),
    )
    find_faces(portrait)
    assert shapes == [(1, 192, 192, 3), (1, 160, 160, 3)]


def test_deterministic(portrait):
    (one,), (other,) = find_faces(portrait), find_faces(portrait)
    assert (one.box, one.score) == (other.box, other.score)
    assert np.array_equal(one.landmarks, other.landmarks)


def test_import_is_light():
    code = "import sys, stc.imaging; sys.exit(not {'cv2', 'onnxruntime'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
