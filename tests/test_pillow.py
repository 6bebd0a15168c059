"""Pillow with the plug-in, as programs that know nothing of STC use it."""

import io
import pickle
import subprocess
import sys
from binascii import crc_hqx

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

import stc
import stc.pillow
from stc.errors import BudgetError, CorruptError, FaceError, WrongModelError

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture
def path(face_file, tmp_path):
    path = tmp_path / "a.stc"
    path.write_bytes(face_file)
    return path


def test_opening_reads_no_more_than_the_header(path):
    code = (
        "import sys, stc.pillow\n"
        "from PIL import Image\n"
        f"with Image.open({str(path)!r}) as im:\n"
        "    assert (im.format, im.mode, im.size) == ('STC', 'RGB', (128, 128))\n"
        f"    assert im.info['bytes'] == {path.stat().st_size}\n"
        "    im.verify()\n"
        "assert not {'torch', 'numpy', 'onnxruntime'} & set(sys.modules), sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_pixels_are_those_of_decode(path, face_file):
    expected = stc.decode(face_file, size=128).tobytes()
    with Image.open(path) as im:
        assert im.tobytes() == expected
        assert im.tobytes() == expected
        assert im.get_format_mimetype() == "application/vnd.stc-face"
        assert im.info["tokens"] == stc.info(face_file).tokens
        assert im.info["fingerprint"] == stc.info(face_file).fingerprint
    with Image.open(io.BytesIO(face_file), formats=["STC"]) as im:
        assert im.copy().tobytes() == expected
        assert pickle.loads(pickle.dumps(im)).tobytes() == expected  # noqa: S301 - our own
    with path.open("rb") as file, Image.open(file) as im:
        im.load()
        assert not file.closed  # it is the caller's


def test_a_draft_draws_256_pixels(path, face_file):
    with Image.open(path) as im:
        assert im.draft("RGB", (128, 128)) is None
        assert im.draft(None, (200, 200)) == ("RGB", (0, 0, 256, 256))
        assert im.size == (256, 256)
        assert im.tobytes() == stc.decode(face_file, size=256).tobytes()
        assert im.draft("RGB", (512, 512)) is None  # the pixels are loaded


def test_other_tools(path, tmp_path):
    with Image.open(path) as im:
        im.thumbnail((40, 40))
        assert im.size == (40, 40)
    with Image.open(path) as im:
        assert ImageOps.fit(im, (30, 50)).size == (30, 50)
        assert ImageOps.exif_transpose(im).size == (128, 128)
        assert im.convert("L").mode == "L"
        assert np.asarray(im).shape == (128, 128, 3)
        assert im.rotate(90).crop((0, 0, 9, 9)).size == (9, 9)
        im.save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as im:
        assert im.info["comment"].startswith(b"Reconstructed by STC")
    assert Image.registered_extensions()[".stc"] == "STC"
    assert stc.encode(Image.open(path), max_bytes=64)


def test_saving(tmp_path):
    target = tmp_path / "b.stc"
    sizes = []
    with Image.open(ASTRONAUT) as im:
        for options in (
            {},
            {"max_bytes": 96},
            {"stages": 1},
            {"quality": 5},
            {"quality": 75},
            {"quality": 100, "optimize": True},
        ):
            im.save(target, **options)
            sizes.append(target.stat().st_size)
        buffer = io.BytesIO()
        im.save(buffer, "STC", max_bytes=96, quality=90)
        assert len(buffer.getvalue()) <= 96
        with pytest.raises(ValueError, match="not both"):
            im.save(buffer, "STC", max_bytes=96, stages=1)
    default, small, level, poor, good, best = sizes
    assert 96 < default <= 192
    assert small <= 96
    assert level < default
    assert 40 <= poor <= 50
    assert default < good <= 296 < best <= 384
    with Image.open(target) as im:
        assert im.format == "STC"


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_saving_other_modes(mode, tmp_path):
    with Image.open(ASTRONAUT) as im:
        if mode == "I;16":
            other = Image.fromarray(np.asarray(im.convert("L")).astype(np.uint16) * 257)
        else:
            other = im.convert(mode)
        other.save(tmp_path / "c.stc", max_bytes=64)
    assert 0 < (tmp_path / "c.stc").stat().st_size <= 64


def test_what_cannot_be_coded_is_an_oserror_and_leaves_no_file(tmp_path):
    target = tmp_path / "d.stc"
    with pytest.raises(OSError, match="no face found") as caught:
        Image.new("RGB", (200, 200), "green").save(target)
    assert isinstance(caught.value.__cause__, FaceError)
    with Image.open(ASTRONAUT) as im, pytest.raises(OSError, match="max_bytes is 3, but") as caught:
        im.save(target, max_bytes=3)
    assert isinstance(caught.value.__cause__, BudgetError)
    assert not target.exists()


def test_pillow_empties_an_existing_file_before_the_plug_in_is_called(tmp_path):
    # Stated in stc.pillow, SECURITY.md and docs/qr.md: correct them if Pillow no longer does this.
    target = tmp_path / "d.stc"
    target.write_bytes(b"precious")
    with pytest.raises(OSError, match="no face found"):
        Image.new("RGB", (200, 200), "green").save(target)
    assert target.read_bytes() == b""
    buffer = io.BytesIO(b"precious")
    with pytest.raises(OSError, match="no face found"):
        Image.new("RGB", (200, 200), "green").save(buffer, "STC")
    assert buffer.getvalue() == b"precious"


def test_what_is_not_ours_is_left_to_others(path):
    with Image.open(ASTRONAUT) as im:
        assert im.format == "PNG"
    for data in (b"", b"\xfa", b"hello, this is no picture"):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data))


def sealed(body):
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def test_damage_is_an_oserror_that_says_what(face_file):
    for data, message in (
        (face_file[:-1], "checksum"),
        (face_file[:40], "checksum"),
        (face_file[:4], "too few"),
        (b"\xfa\xcf" + face_file[2:], "version 15"),
    ):
        with pytest.raises(OSError, match=message) as caught:
            Image.open(io.BytesIO(data))
        assert not isinstance(caught.value, UnidentifiedImageError)
    # The header is sound, what comes after is not: that shows when pixels are wanted.
    for data, cause in (
        (sealed(face_file[:-2] + b"\x01"), CorruptError),
        (sealed(b"\xfa\xc1\xff\xff" + face_file[4:-2]), WrongModelError),
    ):
        with Image.open(io.BytesIO(data)) as im:
            for _ in range(2):
                with pytest.raises(OSError) as caught:  # noqa: PT011 - the cause says which
                    im.load()
                assert isinstance(caught.value.__cause__, cause)
