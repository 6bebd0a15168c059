"""More than 8 bits: black and white from the file, or estimated from its pixels."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stc.imaging import load_image

RAMP = np.tile(np.arange(256, dtype=np.uint8), (4, 1))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(
    pixels: np.ndarray, order: str = "<", tags: dict | None = None, packed: bytes = b""
) -> bytes:
    """An uncompressed TIFF file of grey or RGB samples."""
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    data = packed or pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    values = {
        **{256: width, 257: height, 258: 8 * pixels.dtype.itemsize, 259: 1, 262: 1},
        **{273: 8, 277: samples, 278: height, 279: len(data), 339: kind},
        **(tags or {}),
    }
    if samples == 3:
        values[258] = (values[258],) * 3
        values[262] = 2
        del values[339]
    extra = b""
    place = 8 + len(data)
    entries = b""
    for tag, value in sorted(values.items()):
        many = value if isinstance(value, tuple) else (value,)
        code, form = (4, "I") if max(many) > 65535 or tag in (273, 279) else (3, "H")
        body = struct.pack(f"{order}{len(many)}{form}", *many)
        if len(body) > 4:
            body, extra = struct.pack(order + "I", place + len(extra)), extra + body
        entries += struct.pack(order + "HHI", tag, code, len(many)) + body.ljust(4, b"\0")
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", place + len(extra))
    return header + data + extra + struct.pack(order + "H", len(values)) + entries + bytes(4)


def grey(data: bytes) -> np.ndarray:
    return np.asarray(load_image(data))[..., 1].astype(int)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_few_bits_in_16(bits, kind):
    pixels = np.linspace(0, (1 << bits) - 1, 256).round().astype("<u2")
    data = saved(Image.fromarray(np.tile(pixels, (4, 1))), kind)
    assert np.abs(grey(data) - RAMP).max() <= 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [12, 16])
def test_white_is_zero(order, bits):
    top = (1 << bits) - 1
    pixels = top - np.tile(np.linspace(0, top, 256).round().astype("u2"), (4, 1))
    assert np.abs(grey(tiff(pixels, order, {262: 0})) - RAMP).max() <= 1


@pytest.mark.parametrize("dtype", ["u4", "f4"])
@pytest.mark.parametrize("order", "<>")
def test_white_is_zero_in_32_bits(order, dtype):
    pixels = (255 - RAMP).astype(dtype)
    if (dtype, order) == ("u4", ">"):
        pytest.skip("Pillow does not read these")
    assert np.abs(grey(tiff(pixels, order, {262: 0})) - RAMP).max() <= 1


def test_white_is_zero_in_12_bits_and_compressed():
    pixels = np.tile(np.linspace(0, 4095, 256).round().astype("u2"), (4, 1))
    pairs = pixels.reshape(-1, 2)
    packed = np.stack(
        [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1
    )
    data = tiff(pixels, "<", {258: 12, 262: 0}, packed.astype(np.uint8).tobytes())
    assert np.abs(grey(data) - RAMP[:, ::-1]).max() <= 1
    with Image.open(io.BytesIO(tiff(pixels))) as image:
        data = saved(image, "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    assert np.abs(grey(data) - RAMP[:, ::-1]).max() <= 1


@pytest.mark.parametrize("tags", [{280: 500, 281: 3000}, {340: 500, 341: 3000}])
def test_black_and_white_that_the_file_states(tags):
    pixels = np.tile(np.linspace(500, 3000, 256).round().astype("<u2"), (4, 1))
    pixels[0] = 60_000  # above white
    found = grey(tiff(pixels, "<", tags))
    assert np.abs(found - RAMP)[1:].max() <= 1
    assert (found[0] == 255).all()


def test_hot_pixels_do_not_set_the_scale():
    pixels = np.tile(np.linspace(0, 4095, 256).astype("<u2"), (64, 1))
    pixels[3, :5] = 65535
    found = grey(saved(Image.fromarray(pixels), "PNG"))
    assert np.abs(found[10] - RAMP[0]).max() <= 1


def test_a_narrow_band_of_values_is_spread():
    pixels = np.tile(np.linspace(29_000, 31_000, 256).astype("<u2"), (4, 1))
    assert np.abs(grey(saved(Image.fromarray(pixels), "PNG")) - RAMP).max() <= 1


@pytest.mark.parametrize("top", [0.02, 1.0, 1.7, 255.0, 4095.0])
def test_floating_point(top):
    pixels = np.tile(np.linspace(0, top, 256, dtype=np.float32), (4, 1))
    assert np.abs(grey(saved(Image.fromarray(pixels), "TIFF")) - RAMP).max() <= 1


def test_infinite_values_are_white_and_black():
    pixels = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (4, 1))
    pixels[0, :3] = np.inf, -np.inf, np.nan
    found = grey(saved(Image.fromarray(pixels), "TIFF"))
    assert found[0, :3].tolist() == [255, 0, 0]
    assert np.abs(found[1] - RAMP[0]).max() <= 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [12, 16])
def test_colours_of_few_bits(order, bits):
    ramp = np.linspace(0, (1 << bits) - 1, 256).round().astype("u2")
    pixels = np.stack(np.meshgrid(ramp, ramp[::16]), -1)
    pixels = np.dstack([pixels, pixels[..., :1][:, ::-1]])
    found = np.asarray(load_image(tiff(pixels, order))).astype(int)
    assert np.abs(found - (pixels * (255 / ((1 << bits) - 1)))).max() <= 1.5
