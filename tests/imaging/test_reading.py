"""`load_image`: all modes, and broken files of all kinds."""

import io
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stc.imaging
from stc.errors import ImageError
from stc.imaging import load_image, reading


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def ramp(dtype: str, top: float) -> np.ndarray:
    return np.tile(np.linspace(0, top, 256), (4, 1)).astype(dtype)


# An orientation of 1, and a text that fills it up.
PLAIN_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 1, 0) + bytes(4)

EIGHT_BITS = np.tile(np.arange(256, dtype=np.uint8), (4, 1))


def test_public_names():
    functions = ["align", "find_faces", "frame", "frame_batch", "load_image"]
    assert stc.imaging.__all__ == ["ENDINGS", "Face", "Source", *functions]
    assert all(hasattr(stc.imaging, name) for name in stc.imaging.__all__)


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"],
)
def test_every_mode_becomes_rgb(mode):
    paths = {"La": "LA", "PA": "P", "RGBa": "RGBA"}
    image = Image.new("RGB", (6, 4), (200, 30, 40))
    if mode == "LAB":
        image = Image.new("LAB", (6, 4), (100, 128, 128))
    else:
        image = image.convert(paths.get(mode, mode)).convert(mode)
    loaded = load_image(image)
    assert (loaded.mode, loaded.size) == ("RGB", (6, 4))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_file_kinds(kind, portrait):
    loaded = load_image(saved(portrait, kind))
    assert (loaded.mode, loaded.size) == ("RGB", portrait.size)


def test_every_kind_of_source(portrait, tmp_path: Path):
    data = saved(portrait, "PNG")
    (tmp_path / "face.png").write_bytes(data)
    pixels = np.asarray(portrait)
    path = tmp_path / "face.png"
    for source in (path, str(path), data, io.BytesIO(data), portrait, pixels):
        assert np.array_equal(np.asarray(load_image(source)), pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(orientation, kind):
    upright = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10)
    upright = upright.resize((64, 32), Image.Resampling.NEAREST)
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright if stored is None else upright.transpose(stored)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    loaded = load_image(saved(turned, kind, exif=exif, **options.get(kind, {})))
    off = np.asarray(loaded).astype(int) - np.asarray(upright)
    assert np.abs(off).max() <= (8 if kind == "JPEG" else 0)


ORIENTATIONS = {
    "byte": (1, b"\x03\0\0\0", 1),
    "text": (2, b"3\0\0\0", 1),
    "short": (3, b"\0\x03\0\0", 1),
    "shorts": (3, b"\0\x03\0\0", 2),
    "long": (4, b"\0\0\0\x03", 1),
    "signed byte": (6, b"\x03\0\0\0", 1),
    "signed short": (8, b"\0\x03\0\0", 1),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("stored", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_orientation_of_any_type(stored, kind):
    code, value, count = stored
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI", 0x0112, code, count) + value
    grey = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 2, (64, 1)))
    image = grey if kind == "TIFF" else grey.convert("RGB")
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(kind, {})
    if kind == "TIFF":
        data = bytearray(saved(image, kind, tiffinfo={0x0112: 1}))
        place = data.index(struct.pack("<HHI", 0x0112, 3, 1))
        little = value[:2][::-1] if code in (3, 8) else value[::-1] if code == 4 else value
        struct.pack_into("<HHI4s", data, place, 0x0112, code, count, little.ljust(4, b"\0"))
    else:
        data = saved(image, kind, exif=exif + bytes(4), **options)
    found = np.asarray(load_image(bytes(data)))[..., 0].astype(int)
    assert np.abs(found - np.asarray(grey)[:, ::-1]).max() < 4


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0no TIFF at all",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI4s", 0x0112, 2, 4, b"abc\0"),
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHII", 0x0112, 3, 1 << 30, 9),
    ],
)
def test_broken_exif_does_not_matter(exif, kind):
    data = bytearray(saved(Image.new("RGB", (64, 64), (90, 60, 30)), kind, exif=PLAIN_EXIF))
    assert PLAIN_EXIF[6:] in data
    place = data.index(PLAIN_EXIF[6:])
    body = exif[6:].ljust(len(PLAIN_EXIF) - 6, b"\0")[: len(PLAIN_EXIF) - 6]
    data[place : place + len(body)] = body
    if kind == "PNG":
        checksum = zlib.crc32(bytes(data[place - 4 : place + len(body)]))
        struct.pack_into(">I", data, place + len(body), checksum)
    loaded = load_image(bytes(data))
    assert np.allclose(np.asarray(loaded), (90, 60, 30), atol=6)


def test_a_bmp_whose_alpha_is_empty():
    """The fourth byte is padding if it is zero in all pixels, also if the header names it alpha."""
    pixels = np.full((4, 4, 4), (30, 60, 90, 0), np.uint8)
    for solid in (False, True):
        pixels[:2, :, 3] = 255 * solid
        header = struct.pack(
            "<IiiHHIIiiII4I",
            108,
            4,
            4,
            1,
            32,
            3,
            64,
            0,
            0,
            0,
            0,
            0xFF0000,
            0xFF00,
            0xFF,
            0xFF000000,
        ).ljust(108, b"\0")
        data = b"BM" + struct.pack("<IHHI", 186, 0, 0, 122) + header + pixels[::-1].tobytes()
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == "RGBA"
        found = np.asarray(load_image(data))
        assert (found[:2] == (90, 60, 30)).all()
        assert (found[2:] == (255 if solid else (90, 60, 30))).all()


def test_a_jpeg_of_a_thousand_scans_is_refused():
    data = saved(Image.new("L", (64, 64), 90), "JPEG", progressive=True)
    load_image(data)
    place = data.rindex(b"\xff\xda")  # repeat the last scan
    scan = data[place:-2]
    with pytest.raises(ImageError, match="scans"):
        load_image(data[:-2] + 1000 * scan + data[-2:])


def test_formats_that_start_other_programs_are_not_opened(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    ghost = tmp_path / "gs"
    ghost.write_text(f'#!/bin/sh\necho "$@" >> {ran}\n')
    ghost.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ImageError, match="cannot read"):
        load_image(page)
    assert not ran.exists()


def test_wide_and_clear_pictures_may_have_a_quarter_of_the_pixels(monkeypatch):
    monkeypatch.setattr(reading.check, "__defaults__", (1000,))
    for mode in ("RGBA", "I;16", "LA"):
        load_image(saved(Image.new(mode, (25, 10)), "PNG"))
        with pytest.raises(ImageError, match="at most 250"):
            load_image(saved(Image.new(mode, (26, 10)), "PNG"))
    load_image(saved(Image.new("RGB", (100, 10)), "PNG"))


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_16_bits_are_scaled_not_clipped(dtype):
    mode = "I;16" if dtype == "<u2" else "I;16B"
    image = Image.frombytes(mode, (256, 4), ramp(dtype, 65535).tobytes())
    assert np.array_equal(np.asarray(load_image(image))[..., 0], EIGHT_BITS)


def test_16_bit_file():
    data = saved(Image.fromarray(ramp("<u2", 65535)), "PNG")
    assert np.array_equal(np.asarray(load_image(data))[..., 1], EIGHT_BITS)


@pytest.mark.parametrize(
    ("dtype", "top"),
    [("int32", 255), ("int32", 65535), ("float32", 1), ("float32", 255), ("float32", 1e6)],
)
def test_wide_greys(dtype, top):
    image = Image.fromarray(ramp(dtype, top))
    difference = np.asarray(load_image(image))[..., 0].astype(int) - EIGHT_BITS
    assert abs(difference).max() <= 1


def test_not_a_number_is_black():
    image = Image.fromarray(np.array([[np.nan, 1.0]], np.float32))
    assert np.asarray(load_image(image))[0, :, 0].tolist() == [0, 255]


def test_cmyk_file_keeps_its_colour():
    red = saved(Image.new("RGB", (8, 8), (255, 0, 0)).convert("CMYK"), "JPEG")
    assert np.allclose(np.asarray(load_image(red)), (255, 0, 0), atol=8)


def test_transparency_becomes_white():
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert np.asarray(load_image(image))[0].tolist() == [[255, 255, 255], [10, 20, 30]]


def test_transparent_palette_becomes_white():
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    assert np.asarray(load_image(saved(image, "PNG", transparency=1))).min() == 255


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(load_image(data))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.8])
def test_truncated(kind, part, portrait):
    data = saved(portrait, kind)
    with pytest.raises(ImageError):
        load_image(data[: int(len(data) * part)])


@pytest.mark.parametrize("data", [b"", b"STC", b"<svg/>", bytes(1000)])
def test_not_a_picture(data):
    with pytest.raises(ImageError, match="not a picture"):
        load_image(data)


def test_flipped_bytes_raise_nothing_else(portrait):
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP"):
        whole = np.frombuffer(saved(portrait.resize((32, 32)), kind), np.uint8)
        for _ in range(40):
            broken = whole.copy()
            broken[rng.integers(0, len(broken), 4)] = rng.integers(0, 256, 4)
            try:
                loaded = load_image(broken.tobytes())
            except ImageError:
                continue
            assert loaded.mode == "RGB"


@pytest.mark.parametrize("side", [13_400, 40_000])
def test_decompression_bomb(side):
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="safely"):
        load_image(bomb)


def test_large_photo_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(saved(Image.new("L", (10_000, 9_000)), "PNG")).size == (10_000, 9_000)


def test_no_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        load_image(np.zeros((0, 5, 3), np.uint8))
    with pytest.raises(ImageError, match="no pixels"):
        load_image(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 5), (1, 4, 4, 3)])
def test_arrays_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"uint8 \[H, W\], \[H, W, 3\] or \[H, W, 4\], not"):
        load_image(np.zeros(shape, np.uint8))


def test_arrays_of_grey_and_clear_pixels():
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for pixels in (grey, grey[..., None], grey[::-1][::-1]):
        loaded = load_image(pixels)
        assert (loaded.mode, loaded.size) == ("RGB", (6, 4))
        assert (np.asarray(loaded) == grey[..., None]).all()
    clear = np.zeros((1, 2, 4), np.uint8)
    clear[0, 1] = (10, 20, 30, 255)
    assert np.asarray(load_image(clear))[0].tolist() == [[255, 255, 255], [10, 20, 30]]


def test_arrays_of_another_type():
    with pytest.raises(ValueError, match="float64"):
        load_image(np.zeros((4, 4, 3)))


def test_a_stream_that_cannot_go_back(portrait):
    class Stream(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *place):
            raise io.UnsupportedOperation

    for kind in ("PNG", "WEBP"):
        assert load_image(Stream(saved(portrait, kind))).size == portrait.size


READ = """
import sys
from stc.imaging import load_image
load_image(sys.argv[1])
sys.exit("PIL.PsdImagePlugin" in sys.modules)
"""


def test_common_formats_load_no_other_drivers(portrait, tmp_path):
    for kind, others in (("JPEG", 0), ("PNG", 0), ("WEBP", 1)):
        path = tmp_path / f"face.{kind}"
        portrait.save(path, kind)
        assert subprocess.run([sys.executable, "-c", READ, path]).returncode == others


def test_missing_file():
    with pytest.raises(FileNotFoundError):
        load_image("no such file.png")
