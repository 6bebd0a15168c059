"""`first_picture` of a JPEG: the scans of the first picture only."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from stc.errors import ImageError
from stc.imaging import load_image
from stc.imaging.jpeg import first_picture


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def segment(code: int, body: bytes) -> bytes:
    return bytes((255, code)) + (len(body) + 2).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    "after",
    [
        bytes(8) + b"\xff\xda" * 1000,  # a film
        b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).bytes(1 << 20),
    ],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_motion_photo(after, progressive, portrait):
    data = jpeg(portrait, progressive=progressive)
    assert np.array_equal(np.asarray(load_image(data + after)), np.asarray(load_image(data)))
    assert first_picture(data + after).data == first_picture(data).data


def test_a_burst(portrait):
    data = jpeg(portrait.resize((64, 64)), progressive=True)
    assert load_image(data * 60).size == (64, 64)
    file = io.BytesIO()
    frames = [portrait.resize((64, 64))] * 5
    frames[0].save(file, "MPO", save_all=True, append_images=frames[1:], progressive=True)
    assert np.array_equal(np.asarray(load_image(file.getvalue())), np.asarray(load_image(data)))


def test_an_image_that_pillow_opened_is_counted_alike(portrait):
    data = jpeg(portrait.resize((64, 64)), progressive=True)
    with Image.open(io.BytesIO(data * 60)) as image:
        assert load_image(image).size == (64, 64)


def test_the_scans_of_a_thumbnail_in_the_metadata_do_not_count(portrait):
    data = jpeg(portrait)
    small = segment(0xE2, b"THUMB\0" + b"\xff\xda" * 2000) * 3
    assert load_image(data[:2] + small + data[2:]).size == portrait.size
    assert first_picture(data[:2] + small + data[2:]).scans == 1


def test_scans_are_counted_as_decoders_find_them():
    data = jpeg(Image.new("L", (64, 64), 90), progressive=True)
    found = first_picture(data)
    assert (found.ended, found.progressive, found.complete) == (True, True, True)
    place = data.rindex(b"\xff\xda")
    scan = data[place:-2]
    # With fill bytes before a marker, and with bytes that decoders skip.
    for between in (b"", b"\xff", b"\0\1\2"):
        many = data[:-2] + 1000 * (between + scan) + data[-2:]
        assert first_picture(many).scans == found.scans + 1000
        with pytest.raises(ImageError, match="scans"):
            load_image(many)


@pytest.mark.parametrize(
    "odd",
    [
        segment(0xEE, b"Adobe"),  # too short
        segment(0xED, b"Photoshop 3.0\x008BIM"),
        segment(0xE0, b"JFIF"),
        segment(0xE2, b"MPF\0" + b"\xff" * 40),
        segment(0xFE, b"\xff\xd9"),
    ],
)
def test_odd_metadata_do_not_matter(odd, portrait):
    data = jpeg(portrait)
    assert np.array_equal(
        np.asarray(load_image(data[:2] + odd + data[2:])), np.asarray(load_image(data))
    )


def test_long_metadata_do_not_matter(portrait):
    data = jpeg(portrait)
    part = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b" " * 65_000)
    assert load_image(data[:2] + 25 * part + data[2:]).size == portrait.size


def test_counting_is_quick():
    pixels = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    data = jpeg(Image.fromarray(pixels), quality=95)
    start = time.perf_counter()
    assert first_picture(data).scans == 1
    assert time.perf_counter() - start < 1


def test_any_bytes():
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = (
            b"\xff\xd8"
            + rng.choice([0, 1, 2, 4, 0xC0, 0xC2, 0xDA, 0xD9, 255], 60).astype(np.uint8).tobytes()
        )
        found = first_picture(data)
        assert found.data.count(b"\xff\xda") <= found.scans + 60
        first_picture(found.data)
