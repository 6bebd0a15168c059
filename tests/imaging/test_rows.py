"""A truncated picture is completed if only a few rows are missing."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stc.errors import ImageError
from stc.imaging import load_image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    """A picture whose rows all take the same number of bytes."""
    pixels = np.random.default_rng(0).integers(40, 200, (400, 100, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM"])
def test_the_last_rows_may_be_missing(kind, noise):
    data = saved(noise, kind)
    whole = np.asarray(load_image(data)).astype(int)
    for part in (0.96, 0.98, 0.999):
        found = np.asarray(load_image(data[: int(part * len(data))])).astype(int)
        there = slice(40, None) if kind == "BMP" else slice(0, -40)  # BMP begins at the bottom
        assert found.shape == whole.shape
        assert np.abs(found - whole)[there].max() == 0
        assert found.min(2).max(1).min() > 20  # no row is empty
    for part in (0.6, 0.9):
        with pytest.raises(ImageError):
            load_image(data[: int(part * len(data))])


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_marker_may_be_missing(cut, progressive, noise):
    data = saved(noise, "JPEG", progressive=progressive)
    found = np.asarray(load_image(data[:-cut])).astype(int)
    assert np.abs(found - np.asarray(load_image(data)))[:-16].max() == 0


def test_a_progressive_jpeg_may_lack_what_refines_it(portrait):
    data = saved(portrait, "JPEG", progressive=True)
    scans = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    found = np.asarray(load_image(data[: scans[-1] + 40])).astype(int)
    assert np.abs(found - np.asarray(load_image(data))).mean() < 3
    for place in scans[1:4]:
        with pytest.raises(ImageError):
            load_image(data[:place])


def test_black_pictures_that_are_cut_short_are_refused():
    data = saved(Image.new("RGB", (100, 400)), "BMP")
    with pytest.raises(ImageError):
        load_image(data[: len(data) // 2])


def test_rows_of_an_interlaced_png_that_never_came(noise):
    # Interlaced by hand, as Pillow cannot: the seventh pass, of every other row, comes last.
    pixels = np.asarray(noise.convert("L"))[:64, :64]
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = [
        b"\0" + row.tobytes() for x, y, across, down in passes for row in pixels[y::down, x::across]
    ]
    rest = [b"\0" + row.tobytes() for row in pixels[1::2]]

    def chunk(kind: bytes, body: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + sum_

    def file(lines: list[bytes]) -> bytes:
        packer = zlib.compressobj(0)
        body = packer.compress(b"".join(lines)) + packer.flush(zlib.Z_FULL_FLUSH)
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 1))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body)

    assert np.array_equal(np.asarray(load_image(file(rows + rest)))[..., 0], pixels)
    assert np.array_equal(np.asarray(load_image(file(rows + rest[:-1])))[:63, :, 0], pixels[:63])
    with pytest.raises(ImageError):
        load_image(file(rows + rest[:10]))
