"""Decoded pictures are marked as reconstructed."""

import io

import numpy as np
import pytest
from PIL import Image, features

from stc.imaging import marking

TEXT = marking.note(192)
GREY = Image.new("RGB", (128, 128), (120, 120, 120))

FORMS = ["PNG", "JPEG", "WEBP", "TIFF"] + ["AVIF"] * ("avif" in features.get_supported())


@pytest.mark.parametrize("form", FORMS)
def test_metadata(form):
    with Image.open(io.BytesIO(marking.save(GREY, form, TEXT))) as picture:
        exif = picture.getexif()
        assert exif[0x010E] == TEXT
        assert exif[0x0131].startswith("STC ")
        if form != "TIFF":
            assert exif.get_ifd(0x8769)[0x9286] == b"ASCII\0\0\0" + TEXT.encode()
        if form == "PNG":
            assert picture.text["Description"] == TEXT
            assert picture.text["Software"].startswith("STC ")
        if form == "JPEG":
            assert picture.info["comment"] == TEXT.encode()


def test_formats_without_metadata_still_save():
    with Image.open(io.BytesIO(marking.save(GREY, "BMP", TEXT))) as picture:
        assert picture.size == (128, 128)
    with Image.open(io.BytesIO(marking.save(GREY, "GIF", TEXT))) as picture:
        assert picture.info["comment"] == TEXT.encode()


@pytest.mark.parametrize("side", [1, 16, 100, 120, 512])
def test_the_stamp_covers_the_lower_edge_alone(side):
    picture = GREY.resize((side, side))
    pixels = np.asarray(marking.stamp(picture))
    bar = max(1, side // 12)
    assert (pixels[: side - bar] == 120).all()
    assert (pixels[side - bar :, 0] == 0).all()
    # Letters only where they fit.
    assert (pixels[side - bar :].max() > 200) == (side >= 120)
    assert (np.asarray(picture) == 120).all()
