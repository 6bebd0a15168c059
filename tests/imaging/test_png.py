"""Chunks of a PNG file that do not affect its pixels are ignored."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stc.imaging import load_image
from stc.imaging.png import first_picture

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10


def png(**options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes, off: int = 0) -> bytes:
    return (
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body) ^ off)
    )


XMP = b"XML:com.adobe.xmp\0"
RAW = b"Raw profile type exif"
LONG = b" " * 1_300_000
ODD = {
    "long XMP": chunk(b"iTXt", XMP + b"\0\0\0\0" + LONG),
    "long XMP, packed": chunk(b"iTXt", XMP + b"\1\0\0\0" + zlib.compress(LONG)),
    "long text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG)),
    "many texts": 80 * chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG[:1_000_000])),
    "bad raw profile": chunk(b"tEXt", RAW + b"\0\nexif\n   9\nnot hex"),
    "bad packed raw profile": chunk(
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n\n\n?")
    ),
    "bad EXIF": chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "no EXIF": chunk(b"eXIf", b"?"),
    "long profile": chunk(b"iCCP", b"ICC\0\0" + zlib.compress(bytes(2 << 20))),
    "packing of another kind": chunk(b"iCCP", b"ICC\0\7" + b"abc"),
    "checksum": chunk(b"tIME", bytes(7), off=1),
    "short pHYs": chunk(b"pHYs", b"1"),
    "short gamma": chunk(b"gAMA", b"1"),
    "short sRGB": chunk(b"sRGB", b""),
    "short animation": chunk(b"acTL", b"1"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("after", [False, True])
def test_odd_metadata_do_not_matter(odd, after):
    data = png()
    place = len(data) - 12 if after else 33
    loaded = load_image(data[:place] + odd + data[place:])
    assert np.array_equal(np.asarray(loaded), PIXELS)


def test_the_end_may_be_missing():
    data = png()
    for cut in (4, 8, 12, 13, 16):
        assert np.array_equal(np.asarray(load_image(data[:-cut])), PIXELS)


def test_what_follows_the_end_does_not_matter():
    assert np.array_equal(np.asarray(load_image(png() + b"more" * 1000)), PIXELS)


def test_transparency_and_palette_are_kept():
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=1)
    assert b"tRNS" in first_picture(file.getvalue())
    assert b"PLTE" in first_picture(file.getvalue())


def test_the_first_picture_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    assert np.asarray(load_image(file.getvalue()))[0, 0].tolist() == [255, 0, 0]


def test_orientation_in_a_raw_profile():
    exif = Image.Exif()
    exif[0x0112] = 3
    body = b"Exif\0\0" + exif.tobytes()[6:]
    text = b"\nexif\n%8d\n" % len(body) + body.hex().encode()
    data = png()
    data = (
        data[:33] + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)) + data[33:]
    )
    assert np.array_equal(np.asarray(load_image(data)), PIXELS[::-1, ::-1])
