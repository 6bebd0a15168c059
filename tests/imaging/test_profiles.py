"""Colours are converted to sRGB from any profile."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from stc.imaging import load_image
from tests.imaging import icc


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def to_srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def expected(pixels: np.ndarray, primaries: tuple, gamma: float) -> np.ndarray:
    """RGB of 8 bits in a matrix profile -> sRGB, by the definition."""
    there = np.array(primaries).T
    back = np.linalg.inv(np.array(icc.SRGB).T)
    light = (pixels / 255.0) ** gamma @ there.T @ back.T
    return 255 * to_srgb(light)


# Muted colours, which lie in every gamut.
COLOURS = np.random.default_rng(0).integers(60, 190, (16, 16, 3), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("primaries", "gamma"), [(icc.SRGB, 1.0), (icc.DISPLAY_P3, 2.2), (icc.PROPHOTO, 1.8)]
)
def test_rgb(primaries, gamma, kind):
    # A broad patch of each colour, so that all is in the gamut of the narrower space.
    pixels = COLOURS // 3 + COLOURS.mean(2, keepdims=True).astype(np.uint8) // 3 * 2
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(Image.fromarray(pixels), kind, icc_profile=icc.rgb(primaries, gamma), **options)
    right = expected(pixels, primaries, gamma)
    assert np.abs(np.asarray(load_image(data)) - right).max() < 3
    assert np.abs(pixels - right).max() > 6


def test_a_picture_in_srgb_is_left_as_it_is():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.fromarray(COLOURS), "PNG", icc_profile=profile)
    assert np.array_equal(np.asarray(load_image(data)), COLOURS)


def test_linear_grey():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    data = saved(Image.fromarray(ramp), "PNG", icc_profile=icc.grey(1.0))
    right = 255 * to_srgb(ramp / 255)
    assert np.abs(np.asarray(load_image(data))[..., 1] - right).max() < 2


def test_linear_grey_of_16_bits_keeps_its_shadows():
    ramp = np.tile(np.linspace(0, 65535, 4096).astype("<u2"), (4, 1))
    data = saved(Image.fromarray(ramp), "PNG", icc_profile=icc.grey(1.0))
    loaded = np.asarray(load_image(data))[..., 1]
    assert np.abs(loaded - 255 * to_srgb(ramp / 65535)).max() < 2
    assert len(np.unique(loaded)) > 240


def test_cmyk():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    profile = icc.cmyk_of_a_press_that_prints_red_for_cyan()
    for kind in ("JPEG", "TIFF"):
        red, green, blue = np.asarray(load_image(saved(cyan, kind, icc_profile=profile)))[4, 4]
        assert red > 100 > 40 > max(green, blue)


def test_transparent_pictures_have_colours_too():
    pixels = np.dstack([COLOURS, np.full(COLOURS.shape[:2], 255, np.uint8)])
    data = saved(Image.fromarray(pixels), "PNG", icc_profile=icc.rgb(icc.SRGB, 1.0))
    right = expected(COLOURS, icc.SRGB, 1.0)
    assert np.abs(np.asarray(load_image(data)) - right).max() < 3


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        icc.rgb(icc.PROPHOTO, 1.8)[:200],
        icc.grey(1.0),  # a profile for other channels
        icc.rgb(icc.PROPHOTO, 1.8).ljust(5 << 20, b"\0"),
    ],
)
def test_a_profile_that_cannot_be_used_is_ignored(profile):
    data = saved(Image.fromarray(COLOURS), "TIFF", icc_profile=profile)
    assert np.array_equal(np.asarray(load_image(data)), COLOURS)


def test_gamma_of_a_png():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    data = saved(Image.fromarray(ramp), "PNG")
    chunk = b"gAMA" + struct.pack(">I", 100_000)
    data = (
        data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )
    right = 255 * to_srgb(ramp / 255)
    assert np.abs(np.asarray(load_image(data))[..., 1] - right).max() < 1
