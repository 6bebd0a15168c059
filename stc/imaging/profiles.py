"""Conversion to sRGB by ICC profiles and PNG's gamma.

A profile that is broken, too large or for other channels is ignored, as viewers do.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Bytes = npt.NDArray[np.uint8]

# Maximum size in bytes. Printers' profiles have 2 MB, all others less.
MAX_PROFILE = 4 << 20
# A profile that changes no colour by more than this, of 255, counts as sRGB.
_MAX_DIFFERENCE = 3
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
_SRGB_GAMMA = 1 / 2.2


def to_srgb(image: Image.Image, info: dict[Any, Any]) -> Image.Image:
    """Convert an image of mode RGB, L or CMYK to sRGB -> an image of mode RGB.

    info: its metadata, as in `Image.info`.
    """
    if image.mode == "L":
        grey = grey_curve(info)
        return image.convert("RGB") if grey is None else Image.fromarray(grey[np.asarray(image)])
    transform = _of(info, image.mode)
    if transform is not None:
        return transform.apply(image)  # type: ignore[no-any-return]
    curve = _gamma_curve(info) if image.mode == "RGB" else None
    rgb = image.convert("RGB")
    return rgb if curve is None else rgb.point([int(level) for level in curve] * 3)


def grey_curve(info: dict[Any, Any]) -> Bytes | None:
    """The RGB values of the 256 values of grey, uint8 [256, 3]; None if they do not change.

    info: the image's metadata, as in `Image.info`.
    """
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    transform = _of(info, "L")
    if transform is not None:
        return np.array(transform.apply(ramp), np.uint8).reshape(256, 3)
    curve = _gamma_curve(info)
    return None if curve is None else np.repeat(curve[:, None], 3, 1)


def _of(info: dict[Any, Any], mode: str) -> Any:
    profile = info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE:
        return None
    return _transform(profile, mode)


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    """The transform from a profile to sRGB; None if it changes nothing or cannot be made."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space != _SPACES[mode]:
            return None
        srgb = ImageCms.createProfile("sRGB")
        # LittleCMS's optimised tables for grey are 10 levels off in the shadows of linear grey.
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        transform = ImageCms.buildTransform(opened, srgb, mode, "RGB", flags=flags)
        probe = _probe(mode)
        there = np.asarray(transform.apply(probe), np.int16)
    except Exception:  # broken profiles make Pillow raise many kinds of errors
        return None
    same = np.abs(there - np.asarray(probe.convert("RGB"), np.int16)).max() <= _MAX_DIFFERENCE
    return None if same and mode != "CMYK" else transform


def _probe(mode: str) -> Image.Image:
    """An image of colours on a regular grid over the colour space."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    levels = np.linspace(0, 255, 17 if bands == 1 else 5).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[levels] * bands), -1).reshape(1, -1, bands)
    return Image.frombytes(mode, (grid.shape[1], 1), grid.tobytes())


def _gamma_curve(info: dict[Any, Any]) -> Bytes | None:
    """The curve, uint8 [256], of PNG's gamma; None if a profile or sRGB is stated, or no gamma."""
    gamma = info.get("gamma")
    if "srgb" in info or "icc_profile" in info or not isinstance(gamma, float):
        return None
    if abs(gamma - _SRGB_GAMMA) < 0.02 or not 0.1 <= gamma <= 10:
        return None
    light = (np.arange(256) / 255) ** (1 / gamma)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((255 * levels).round(), np.uint8)
