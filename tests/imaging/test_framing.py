"""`frame`: the choice of the face, and pictures that are canvases already."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from stc.canvas import CANVAS
from stc.errors import (
    FaceCutError,
    FaceTooSmallError,
    ImageError,
    ModelError,
    NoFaceError,
    SettingsError,
    SeveralFacesError,
)
from stc.imaging import find_faces, frame, frame_batch
from stc.imaging.alignment import TEMPLATE, displacement, is_cut, similarity


@pytest.fixture(scope="module")
def canvas(portrait):
    return frame(portrait, align="always")


def side_by_side(*images: Image.Image) -> Image.Image:
    scene = Image.new("RGB", (sum(image.width for image in images), 320), (90, 110, 100))
    left = 0
    for image in images:
        scene.paste(image, (left, 0))
        left += image.width
    return scene


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two canvases show the same face to a pixel of the detector, without background."""
    faces = [pixels[50:105, 40:88].astype(int) for pixels in (one, other)]
    return bool(np.abs(faces[0] - faces[1]).mean() < 12)


def off_template(pixels: np.ndarray) -> float:
    (face,) = find_faces(Image.fromarray(pixels))
    return displacement(face.landmarks)


def test_photo_is_aligned(portrait, canvas):
    assert (canvas.shape, canvas.dtype) == ((CANVAS, CANVAS, 3), np.uint8)
    assert off_template(canvas) < 2
    assert np.array_equal(frame(portrait), canvas)


@pytest.mark.parametrize("degrees", [-35, -15, 10, 25, 40])
def test_rotated_photo_gets_level_eyes(degrees, portrait):
    turned = portrait.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
    pixels = frame(turned)
    (face,) = find_faces(Image.fromarray(pixels))
    assert displacement(face.landmarks) < 3
    left, right = face.landmarks[:2]
    assert abs(left[1] - right[1]) < 4
    assert np.linalg.norm((left + right) / 2 - TEMPLATE[:2].mean(0)) < 4


def test_exif_rotation_is_applied(portrait):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    portrait.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    assert np.array_equal(frame(file.getvalue()), frame(portrait))


@pytest.mark.parametrize("scale", [3, 10])
def test_large_photo(scale, portrait):
    large = portrait.resize((320 * scale, 320 * scale), Image.Resampling.BICUBIC)
    assert off_template(frame(large)) < 2


def test_canvas_is_left_alone(canvas):
    assert np.array_equal(frame(canvas), canvas)


def test_larger_canvas_is_only_resized(canvas):
    large = Image.fromarray(canvas).resize((512, 512), Image.Resampling.LANCZOS)
    expected = large.resize((CANVAS, CANVAS), Image.Resampling.LANCZOS)
    assert np.abs(frame(large).astype(int) - np.asarray(expected)).max() <= 2


def test_faces_beside_the_one_on_the_canvas_do_not_matter(canvas):
    wide = Image.fromarray(canvas).resize((512, 512), Image.Resampling.BICUBIC)
    stranger = wide.crop((150, 170, 430, 490)).resize((112, 128))
    wide.paste(stranger, (0, 384))
    assert len(find_faces(wide)) == 2
    assert np.abs(frame(wide)[:90].astype(int) - canvas[:90]).mean() < 4


def test_always_moves_even_a_canvas(canvas):
    shifted = np.roll(canvas, 2, 1)
    assert np.array_equal(frame(shifted), shifted)
    assert not np.array_equal(frame(shifted, align="always"), shifted)


def test_never_takes_the_middle_square():
    wide = np.zeros((256, 512, 3), np.uint8)
    wide[:, 128:384] = (10, 200, 30)
    assert (frame(wide, align="never") == (10, 200, 30)).all()


def test_never_leaves_pixels_alone():
    noise = np.random.default_rng(0).integers(0, 256, (CANVAS, CANVAS, 3), np.uint8)
    assert np.array_equal(frame(noise, align="never"), noise)


def test_no_face():
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    with pytest.raises(NoFaceError, match=r"300 x 200 pixels.*--align never"):
        frame(noise)


def test_several_faces(portrait):
    with pytest.raises(SeveralFacesError, match=r"2 faces found: \d+ px wide at.*--face largest"):
        frame(side_by_side(portrait, portrait))


def test_largest_of_several(portrait, canvas):
    crowd = side_by_side(portrait.resize((250, 250)), portrait)
    assert alike(frame(crowd, face="largest"), canvas)


def test_most_central_of_equals(portrait):
    mirrored = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    crowd = side_by_side(portrait, mirrored, portrait)
    expected = frame(mirrored)
    assert alike(frame(crowd, face="largest"), expected)
    assert not alike(frame(crowd, face="largest"), frame(portrait))


def test_small_background_faces_are_no_rivals(portrait, canvas):
    crowd = side_by_side(portrait, portrait.resize((140, 140)))
    assert len(find_faces(crowd)) == 2
    assert alike(frame(crowd), canvas)


@pytest.mark.parametrize("side", [60, 110])
def test_too_small(side, portrait):
    small = portrait.resize((side, side), Image.Resampling.LANCZOS)
    with pytest.raises(FaceTooSmallError, match=r"is \d\d pixels wide.*40"):
        frame(small)


@pytest.mark.parametrize(
    ("edge", "outside", "inside"), [(0, 34, 42), (1, 44, 54), (2, 94, 84), (3, 114, 102)]
)
def test_a_face_that_the_picture_cuts(edge, outside, inside, portrait):
    """The picture is cut at a column or row of the canvas: beside the face, and through it."""
    (face,) = find_faces(portrait)
    matrix = similarity(TEMPLATE, face.landmarks)

    def cut_at(place):
        box = [0, 0, *portrait.size]
        box[edge] = round((matrix @ [place, place, 1])[edge % 2])
        return portrait.crop(tuple(box))

    frame(cut_at(outside))
    with pytest.raises(FaceCutError, match="ends inside the face"):
        frame(cut_at(inside))


def test_the_inner_face_is_what_must_be_in_the_picture():
    assert not is_cut(
        TEMPLATE - [40, 50], (48, 58)
    )  # from (40, 50) to (88, 108), and no pixel more
    assert is_cut(TEMPLATE - [41, 50], (48, 58))
    assert is_cut(TEMPLATE - [40, 50], (48, 57))


def test_50_megapixels(portrait):
    photo = Image.new("RGB", (8660, 5774), (90, 110, 100))
    photo.paste(portrait.resize((3200, 3200)), (2500, 1000))
    assert off_template(frame(photo)) < 3


def test_deterministic(portrait):
    assert np.array_equal(frame(portrait), frame(portrait))


def test_wrong_arguments(portrait):
    with pytest.raises(ValueError, match="sometimes"):
        frame(portrait, align="sometimes")
    with pytest.raises(ValueError, match="smallest"):
        frame(portrait, face="smallest")


def test_broken_picture():
    with pytest.raises(ImageError):
        frame(b"no picture")


def test_a_large_square_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not frame(Image.new("L", (9600, 9500)), align="never").any()


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_arrays_of_pixels(mode, portrait):
    pixels = np.asarray(portrait.convert(mode))
    assert off_template(frame(pixels)) < 2
    if mode == "L":
        assert np.array_equal(frame(pixels[..., None]), frame(pixels))
    else:
        assert np.array_equal(frame(pixels), frame(portrait))


def test_a_batch_is_each_picture_by_itself(portrait, canvas):
    small = portrait.resize((60, 60))
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    missing = "no such file.png"
    pictures = [portrait, b"no picture", small, canvas, noise, missing, np.zeros((4, 4)), portrait]
    framed = frame_batch(iter(pictures))
    names = [type(one).__name__ for one in framed]
    assert names[1:-1] == [
        "ImageError",
        "FaceTooSmallError",
        "ndarray",
        "NoFaceError",
        "FileNotFoundError",
        "ValueError",
    ]
    for place in (0, 3, 7):
        assert np.array_equal(framed[place], frame(pictures[place]))


def test_a_batch_keeps_to_its_settings(portrait):
    crowd = side_by_side(portrait, portrait)
    (error,) = frame_batch([crowd])
    assert isinstance(error, SeveralFacesError)
    (framed,) = frame_batch([crowd], face="largest")
    assert np.array_equal(framed, frame(crowd, face="largest"))
    (square,) = frame_batch([crowd], align="never")
    assert np.array_equal(square, frame(crowd, align="never"))
    assert frame_batch([]) == []
    with pytest.raises(SettingsError, match="sometimes"):
        frame_batch([], align="sometimes")


def test_missing_weights_end_a_batch(portrait, monkeypatch):
    def broken(image):
        raise ModelError("no weights")

    monkeypatch.setattr("stc.imaging.framing.find_faces", broken)
    with pytest.raises(ModelError):
        frame_batch([portrait])
