"""Symbols of every size hold exactly their capacity; photographs of symbols are read."""

import io
import sys
import warnings
import zlib

import numpy as np
import pytest
import segno
from PIL import Image, ImageFilter

import stc
from stc.carriers import qr
from stc.errors import (
    BadMagicError,
    BudgetError,
    ImageError,
    MissingExtraError,
    NoCodeError,
    SeveralCodesError,
    TruncatedError,
)


def picture(content, scale=4, **options):
    """An image of a code with the given contents."""
    return picture_of(segno.make_qr(content, **options), scale)


def picture_of(code, scale=4):
    """An image of a code of segno."""
    buffer = io.BytesIO()
    code.save(buffer, kind="png", scale=scale, border=4)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def full(version, ecc, text, more=0):
    """A symbol of `size` bytes, made by the library alone, which fails if they do not fit."""
    data = b"\xff" * (qr.capacity(version, ecc, text=text) + more)
    return segno.make_qr(
        qr.to_text(data) if text else data,
        error=ecc,
        version=version if more else None,
        mode="alphanumeric" if text else "byte",
        boost_error=False,
        mask=0,  # trying all eight is slow
    )


@pytest.mark.parametrize("text", [False, True])
def test_every_version_holds_its_limit(text):
    for version in qr.VERSIONS:
        ecc = qr.LEVELS[(version + text) % 4]
        assert full(version, ecc, text).version == version
        for level in qr.LEVELS:
            with pytest.raises(segno.DataOverflowError):
                full(version, level, text, more=1)


@pytest.mark.gate
@pytest.mark.parametrize("text", [False, True])
def test_every_version_and_level_holds_its_limit(text):
    for version in qr.VERSIONS:
        for ecc in qr.LEVELS:
            assert full(version, ecc, text).version == version


def test_limits_of_the_standard():
    # ISO/IEC 18004, table 7.
    assert [qr.capacity(10, ecc) for ecc in qr.LEVELS] == [271, 213, 151, 119]
    assert [qr.capacity(40, ecc) for ecc in qr.LEVELS] == [2953, 2331, 1663, 1273]
    # Alphanumeric 10-M has 311 characters: 103 pairs of bytes, and two characters for one more.
    assert qr.capacity(10, "M", text=True) == 207


def test_the_symbol_says_what_it_is(face_file):
    symbol = qr.make(face_file)
    assert (symbol.version, symbol.modules, symbol.size) == (10, 57, len(face_file))
    assert symbol.ecc in ("M", "Q", "H")
    assert str(symbol).startswith("QR code 10-M, 57x57")
    assert qr.make(face_file, version=20, ecc="L").ecc == "H"  # a higher level at no cost
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("eps", b"%!PS")):
        assert symbol.draw(kind).startswith(start)
    with Image.open(io.BytesIO(symbol.draw(scale=3))) as drawn:
        assert drawn.size == (3 * (57 + 2 * 4),) * 2


def test_what_does_not_fit_names_the_version_to_use(face_file):
    with pytest.raises(BudgetError, match=r"10-H holds 119: use version 14"):
        qr.make(face_file, version=10, ecc="H")
    with pytest.raises(BudgetError, match="ecc L holds 2953"):
        qr.make(bytes(3000), ecc="L")
    for wrong in ({"version": 41}, {"version": 0}, {"ecc": "X"}):
        with pytest.raises(ValueError, match=r"version must be 1 to 40|ecc"):
            qr.make(face_file, **wrong)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("size", [7, 96, 384])
def test_files_come_back(text, size):
    # Every byte value, and an odd and an even number of bytes.
    data = (b"\xfa\xc1" + bytes(range(256)) * 2)[: size + text]
    assert qr.read(qr.make(data, text=text).draw()) == data
    assert qr.read(qr.make(data[1:], text=text).draw(), bare=True) == data[1:]


def photo(symbol, case):
    """A simulated photograph of a code among other things."""
    rng = np.random.default_rng(case)
    code = Image.open(io.BytesIO(symbol.draw(scale=8))).convert("RGB")
    side = code.width
    desk = Image.new("RGB", (side + 400, side + 300), (150, 130, 110))
    desk.paste((70, 90, 60), (0, 0, 120, side + 300))
    desk.paste(code, (200, 150))
    width, height = desk.size
    if case in (2, 4):
        corners = (0, 0, -60, height, width + 90, height - 40, width - 70, 50)
        desk = desk.transform(
            desk.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor="gray"
        )
    if case in (1, 4):
        desk = desk.rotate(33, Image.Resampling.BICUBIC, expand=True, fillcolor=(90, 90, 90))
    if case in (3, 4):
        desk = desk.filter(ImageFilter.GaussianBlur(2.5))
    if case == 5:
        desk = desk.transpose(Image.Transpose.ROTATE_90)
    light = np.linspace(0.5, 1.0, desk.width)[None, :, None]
    pixels = np.asarray(desk) * light + rng.normal(0, 14, (desk.height, desk.width, 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


@pytest.mark.parametrize("case", range(6))
def test_photographs_are_read(face_file, case):
    # Straight; turned; in perspective; blurred; all three; on its side. Noise and shade in all.
    assert qr.read(photo(qr.make(face_file, text=case % 2 == 1), case)) == face_file


def beside(*pictures):
    sheet = Image.new(
        "RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white"
    )
    left = 0
    for one in pictures:
        sheet.paste(one, (left, 0))
        left += one.width
    return sheet


def test_several_codes(face_file):
    other = stc.encode("tests/assets/astronaut.png", max_bytes=64)
    mine, yours = picture(face_file, mode="byte"), picture(other, mode="byte")
    address = picture("https://example.org", scale=8)
    assert qr.read(beside(mine, address)) == face_file
    assert qr.read(beside(mine, mine)) == face_file
    with pytest.raises(SeveralCodesError, match="2 QR codes"):
        qr.read(beside(mine, yours))
    with pytest.raises(SeveralCodesError, match="2 QR codes"):
        qr.read(beside(mine, address), bare=True)
    with pytest.raises(BadMagicError, match="https://example"):
        qr.read(address)
    with pytest.raises(BadMagicError, match="0000"):
        qr.read(picture("0000"))  # Base45 letters, but of an invalid length


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("text", [False, True])
def test_a_file_in_several_codes(face_file, count, text):
    codes = segno.make_sequence(qr.to_text(face_file) if text else face_file, symbol_count=count)
    parts = [picture_of(code) for code in codes]
    assert qr.read(beside(*parts[::-1])) == face_file
    assert qr.read(beside(*parts[1:], picture(face_file, mode="byte"))) == face_file
    with pytest.raises(TruncatedError, match=r"shows part 1 of a file.*take one picture of all"):
        qr.read(parts[0])
    with pytest.raises(TruncatedError, match=f"shows part {'2' if count == 2 else '2, 3'} of"):
        qr.read(beside(*parts[1:]))
    with pytest.raises(TruncatedError, match="must be in one code"):
        qr.read(parts[0], bare=True)


def test_a_stain_makes_no_part_of_a_whole_code(face_file):
    code = segno.make_qr(qr.to_text(face_file), mode="alphanumeric")
    stained = picture_of(code, 4)
    corner = 4 * (4 + code.symbol_size(border=0)[0] - 2)
    module = (corner, corner, corner + 4, corner + 4)
    dark = stained.getpixel(module[:2])[0] < 128
    stained.paste("white" if dark else "black", module)
    assert qr.read(stained) == face_file


@pytest.mark.parametrize("mask", range(8))
def test_a_part_is_known_behind_every_mask(mask):
    for version in (5, 8):  # one block of data, and several
        codes = segno.make_sequence(bytes(range(200)), version=version, mask=mask)
        for code in codes:
            with pytest.raises(TruncatedError, match="shows part"):
                qr.read(picture_of(code))
        alone = segno.make_qr(bytes(range(60)), version=version, mask=mask)
        with pytest.raises(BadMagicError):
            qr.read(picture_of(alone))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("colour", ["white", "black", "#ddd"])
def test_modules_of_any_colour_on_a_transparent_ground(face_file, mode, colour):
    buffer = io.BytesIO()
    segno.make_qr(face_file).save(buffer, kind="png", scale=4, border=4, dark=colour, light=None)
    with Image.open(buffer) as code:
        seen = code.convert("RGBA").convert(mode)
    assert qr.read(seen) == face_file
    buffer = io.BytesIO()
    seen.save(buffer, "PNG")
    assert qr.read(buffer.getvalue()) == face_file
    buffer.seek(0)
    assert qr.read(buffer) == face_file
    if mode == "RGBA":
        assert qr.read(np.asarray(seen)) == face_file


def test_pictures_without_a_code():
    with pytest.raises(NoCodeError, match="closer"):
        qr.read(Image.new("RGB", (300, 300), "white"))
    with pytest.raises(NoCodeError):
        qr.read("tests/assets/astronaut.png")
    with pytest.raises(ImageError, match="not a picture"):
        qr.read(b"hello")


def test_large_pictures_are_refused_or_reduced_before_they_are_searched(face_file, monkeypatch):
    huge = Image.new("L", (1, 1))
    buffer = io.BytesIO()
    huge.save(buffer, "PNG")
    bomb = bytearray(buffer.getvalue())
    bomb[16:24] = (60000).to_bytes(4, "big") * 2  # states 3.6 gigapixels in 67 bytes
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    assert qr.is_picture(bytes(bomb))
    with pytest.raises(ImageError, match="pixels"):
        qr.read(bytes(bomb))
    monkeypatch.setattr(qr, "MAX_SIDE", 260)
    code = Image.open(io.BytesIO(qr.make(face_file).draw(scale=16)))
    assert qr.read(code) == face_file
    assert code.size == (1040, 1040)  # the caller's picture is not changed


def test_what_is_a_picture(face_file):
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
        buffer = io.BytesIO()
        Image.new("RGB", (9, 9)).save(buffer, form)
        assert qr.is_picture(buffer.getvalue())
    heic = bytes.fromhex("00000018") + b"ftypheic" + bytes(40)
    assert qr.is_picture(heic)
    with pytest.raises(ImageError, match="try JPEG or PNG"):
        qr.read(heic)
    for data in (b"", b"hello", face_file, face_file[4:-2]):
        assert not qr.is_picture(data)


def test_a_picture_is_recognised_without_changing_the_warnings_of_other_threads(monkeypatch):
    buffer = io.BytesIO()
    Image.new("1", (9, 9)).save(buffer, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 80)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(buffer)
    with monkeypatch.context() as patch:  # pytest itself needs it
        patch.delattr(warnings, "catch_warnings")
        found = [_is_picture(b"hello"), _is_picture(buffer.getvalue())]
    assert found == [False, True]


def _is_picture(data):
    try:
        return qr.is_picture(data)
    except AttributeError as error:
        return error


def test_a_missing_library_names_the_extra(face_file, monkeypatch):
    for name in ("segno", "base45", "zxingcpp"):
        monkeypatch.setitem(sys.modules, name, None)
    calls = [
        lambda: qr.capacity(1),
        lambda: qr.make(face_file),
        lambda: qr.to_text(face_file),
        lambda: qr.read(Image.new("L", (9, 9))),
    ]
    for call in calls:
        with pytest.raises(MissingExtraError, match=r"pip install 'stc-face-codec\[qr\]'"):
            call()
