"""Formats that Pillow reads by a plug-in, which is used if installed, else named in the error."""

import importlib
import io
import struct
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image, ImageFile

from stc.errors import ImageError
from stc.imaging import ENDINGS, formats, jxl, load_image


def boxes(brand: bytes, *others: bytes) -> bytes:
    body = brand + bytes(4) + b"".join(others)
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body + bytes(100)


HEADS = {
    "HEIF": [
        *(boxes(brand) for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis")),
        boxes(b"mif1", b"mif1", b"heic"),
        boxes(b"msf1", b"msf1", b"hevc"),
        boxes(b"MiHB", b"mif1", b"heic"),
    ],
    "AVIF": [boxes(b"avif"), boxes(b"avis", b"avif"), boxes(b"mif1", b"miaf", b"avif")],
    "JXL": [b"\xff\x0a" + bytes(40), jxl.MAGICS[1] + bytes(40)],
    "": [boxes(b"mp42"), boxes(b"qt  "), b"GIF89a", b"", b"\0\0\0\x18ftyp"],
}


@pytest.mark.parametrize(("form", "head"), [(form, head) for form in HEADS for head in HEADS[form]])
def test_what_a_file_is(form, head):
    assert formats.sniff(head) == form


@pytest.fixture
def alone(monkeypatch):
    """Pillow without any plug-in."""
    Image.init()
    known = {name: how for name, how in Image.OPEN.items() if name not in ("HEIF", "JXL", "AVIF")}
    monkeypatch.setattr(Image, "OPEN", known)
    for module in ("PIL.AvifImagePlugin", "pillow_heif", "pillow_avif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (boxes(b"heic"), r"format HEIC.*pip install pillow-heif,.*JPEG or PNG"),
        (boxes(b"avif"), r"format AVIF.*pip install pillow-avif-plugin,"),
        (b"\xff\x0a" + bytes(40), r"format JPEG XL.*pip install pillow-jxl-plugin,"),
    ],
)
def test_a_missing_plug_in_is_named(alone, head, message):
    with pytest.raises(ImageError, match=message):
        load_image(head)


def test_a_plug_in_that_is_installed_is_used(alone, monkeypatch):
    class Picture(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self):
            self._mode, self._size = "RGB", (4, 4)
            self.tile = []
            self.im = Image.new("RGB", (4, 4), (90, 60, 30)).im

    plugin = types.ModuleType("pillow_heif")
    plugin.register_heif_opener = lambda: Image.OPEN.update(HEIF=(Picture, None))
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    assert np.asarray(load_image(boxes(b"heic")))[0, 0].tolist() == [90, 60, 30]


@pytest.mark.parametrize(
    ("module", "form"), [("pillow_heif", "HEIF"), ("pillow_jxl", "JXL"), ("PIL._avif", "AVIF")]
)
def test_real_ones(module, form, portrait):
    plugin = pytest.importorskip(module)
    if form == "HEIF":
        plugin.register_heif_opener()
    if form == "AVIF":
        importlib.import_module("PIL.AvifImagePlugin")
    file = io.BytesIO()
    try:
        portrait.save(file, form, quality=90)
    except (OSError, RuntimeError):
        pytest.skip("no encoder")
    loaded = load_image(file.getvalue())
    off = np.asarray(loaded).astype(int) - np.asarray(portrait)
    assert (loaded.size, np.abs(off).mean() < 4) == (portrait.size, True)
    for part in (0.2, 0.7):
        with pytest.raises(ImageError):
            load_image(file.getvalue()[: int(part * len(file.getvalue()))])


def test_plug_ins_are_not_imported_without_need(portrait, tmp_path):
    portrait.save(tmp_path / "face.jpg")
    code = (
        "import sys; from stc.imaging import load_image; load_image(sys.argv[1]); "
        "sys.exit(not {'pillow_heif', 'pillow_avif', 'pillow_jxl'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "face.jpg"]).returncode == 0


def test_names_of_files():
    assert {".heic", ".jfif", ".jpe", ".mpo", ".jxl"} < ENDINGS
    assert all(name == name.lower() and name.startswith(".") for name in ENDINGS)


def jxl_head(width: int, height: int) -> bytes:
    """The first bytes of a bare JPEG XL picture of this size."""
    bits = (3 << 1) | (height - 1) << 3  # not small; sides of 30 bits
    bits |= (3 | (width - 1) << 2) << 36
    return b"\xff\x0a" + bits.to_bytes(16, "little")


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (40_000, 30_000), (1 << 30, 1)])
def test_the_size_of_a_jpeg_xl_picture(size):
    assert jxl.size(jxl_head(*size)) == size
    head = jxl_head(*size)
    boxed = jxl.MAGICS[1] + struct.pack(">I", 20) + b"ftypjxl \0\0\0\0jxl "
    for box in (
        struct.pack(">I4s", 8 + len(head), b"jxlc") + head,
        struct.pack(">I4sQ", 1, b"jxlc", 16 + len(head)) + head,
        struct.pack(">I4sI", 12 + len(head), b"jxlp", 0) + head,
    ):
        assert jxl.size(boxed + box) == size


def test_small_sizes_and_ratios_of_jpeg_xl(portrait):
    pytest.importorskip("pillow_jxl")
    for size in ((8, 8), (64, 48), (256, 256), (192, 128), (17, 300), (320, 180)):
        file = io.BytesIO()
        portrait.resize(size).save(file, "JXL")
        assert jxl.size(file.getvalue()) == size


@pytest.mark.parametrize("head", [jxl_head(40_000, 30_000), b"\xff\x0a"])
def test_a_jpeg_xl_bomb_is_not_opened(head):
    with pytest.raises(ImageError):
        jxl.check(io.BytesIO(head))
    with pytest.raises(ImageError, match=r"safely|broken|pillow-jxl"):
        load_image(head)
