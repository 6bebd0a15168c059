"""A .stc file -> QR code, and a picture of a QR code -> .stc file.

A raw code holds the bytes in byte mode, which gives the smallest symbol. A text code holds Base45
(RFC 9285) in alphanumeric mode, for scanners that return text only; it takes 3 % more.

segno writes symbols, zxing-cpp reads them, base45 converts text: the extra `qr` installs them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from stc.bitstream import has_header, parse_header
from stc.carriers.claim import claim_error, is_claim
from stc.carriers.excerpt import excerpt
from stc.carriers.symbols import DEFAULT_LEVEL, KINDS, LEVELS, VERSIONS
from stc.carriers.text import from_text, missing, to_text
from stc.errors import (
    BadMagicError,
    BudgetError,
    FormatError,
    NoCodeError,
    SeveralCodesError,
    TruncatedError,
)
from stc.imaging.quiet import quiet
from stc.imaging.reading import Source, load_image, open_picture

if TYPE_CHECKING:
    import segno

QUIET = 4  # modules of white border that ISO/IEC 18004 requires around a symbol

# Larger pictures are reduced to this side, in pixels, so that the search takes at most two seconds.
# A code of version 40 across a tenth of the side still has two pixels per module.
MAX_SIDE = 4096

_BOXES = b"ftyp"  # at byte 4 of HEIC and related formats


@dataclass(frozen=True)
class Symbol:
    """A QR code."""

    version: int  # 1 to 40
    ecc: str  # L, M, Q or H; higher than requested if the symbol does not grow
    modules: int  # along a side, without the quiet zone
    size: int  # bytes of the file
    text: bool  # it holds Base45, not the raw bytes
    code: segno.QRCode

    def __str__(self) -> str:
        mode = "Base45" if self.text else "raw"
        return f"QR code {self.version}-{self.ecc}, {self.modules}x{self.modules} modules, {mode}"

    def draw(self, kind: str = "png", scale: int = 8) -> bytes:
        """Draw the symbol with its quiet zone -> the bytes of a picture file.

        kind: one of `KINDS`. scale: pixels per module, or points in pdf and eps.
        Raises ValueError for another kind.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        buffer = io.BytesIO()
        if kind == "eps":
            text = io.StringIO()
            self.code.save(text, kind=kind, scale=scale, border=QUIET)
            return text.getvalue().encode()
        self.code.save(buffer, kind=kind, scale=scale, border=QUIET)
        return buffer.getvalue()


def capacity(version: int, ecc: str = DEFAULT_LEVEL, *, text: bool = False) -> int:
    """Size in bytes of the largest file that a symbol holds.

    version: 1 to 40. ecc: L, M, Q or H. text: whether it holds Base45, not the raw bytes.
    These are the data bits of ISO/IEC 18004 without mode indicator (4 bits) and count. Base45 has
    three characters for two bytes and two for one; alphanumeric mode takes 11 bits for two
    characters and 6 for one. Raises ValueError for another version or ecc, MissingExtraError.
    """
    _check(version, ecc)
    try:
        from segno import consts
    except ImportError as error:
        raise missing(error) from error

    table = cast("dict[int, dict[int, int]]", consts.SYMBOL_CAPACITY)
    bits = table[version][getattr(consts, f"ERROR_LEVEL_{ecc}")]
    if not text:
        return (bits - 4 - (8 if version < 10 else 16)) // 8
    pairs, rest = divmod(bits - 4 - (9 if version < 10 else 11 if version < 27 else 13), 11)
    threes, over = divmod(2 * pairs + (rest >= 6), 3)
    return 2 * threes + (over == 2)


def smallest_version(size: int, ecc: str = DEFAULT_LEVEL, *, text: bool = False) -> int:
    """The version, 1 to 40, of the smallest symbol that holds a file of `size` bytes.

    Raises BudgetError if none does, ValueError for another ecc, MissingExtraError.
    """
    for version in VERSIONS:
        if size <= capacity(version, ecc, text=text):
            return version
    most = capacity(VERSIONS[-1], ecc, text=text)
    raise BudgetError(f"the file has {size} bytes, the largest QR code with ecc {ecc} holds {most}")


def make(
    data: bytes, *, ecc: str = DEFAULT_LEVEL, version: int | None = None, text: bool = False
) -> Symbol:
    """Make the QR symbol of a .stc file.

    ecc: minimum error correction, L, M, Q or H; it is raised if the symbol does not grow.
    version: 1 to 40, or None for the smallest that holds the file. text: store Base45.
    Raises BudgetError if the file does not fit, ValueError for another ecc or version,
    MissingExtraError.
    """
    least = smallest_version(len(data), ecc, text=text)
    if version is None:
        version = least
    elif version not in VERSIONS or version < least:
        _check(version, ecc)
        raise BudgetError(
            f"the file has {len(data)} bytes, a QR code {version}-{ecc} holds "
            f"{capacity(version, ecc, text=text)}: use version {least}"
        )
    import segno

    code = segno.make_qr(
        to_text(data) if text else data,
        error=ecc,
        version=version,
        mode="alphanumeric" if text else "byte",
    )
    side, _ = code.symbol_size(border=0)
    return Symbol(version, str(code.error), int(side), len(data), text, code)


def is_picture(data: bytes) -> bool:
    """Whether data begins like a picture of a common format; no pixels are decoded."""
    try:
        with open_picture(io.BytesIO(data)):
            return True
    except UnidentifiedImageError:
        return data[4:8] == _BOXES
    except Exception:  # a known format, but broken or too large: load_image raises the error
        return True


def contents(image: Source) -> list[bytes]:
    """The distinct contents of all QR codes in a picture. Raises ImageError, MissingExtraError."""
    return list(dict.fromkeys(code.bytes for code in _find(image)))


def read(image: Source, *, bare: bool = False) -> bytes:
    """Extract the .stc file from a picture, or a photograph, of its QR code.

    bare: expect a file without a header. It cannot be distinguished from other contents, so the
        picture must show a single code. Without `bare`, codes with other contents are skipped.

    A file in several codes (structured append) is joined if it is not bare and the picture shows
    all of its codes. Only the magic of the file is checked, and the checksum of a joined file.

    Raises NoCodeError, SeveralCodesError; BadMagicError for a code that does not hold a .stc file
    but, for example, a signed claim; TruncatedError if codes of a file are missing; ImageError,
    MissingExtraError.
    """
    codes = _find(image)
    if not codes:
        raise NoCodeError(
            "no QR code can be read in the picture; take it closer, straight and sharp, with the "
            "white border around the code"
        )
    if bare and any(is_claim(code.bytes) for code in codes):
        raise claim_error("the QR code")
    parts = sorted({(code.index, code.bytes) for code in codes if code.index is not None})
    if not bare:  # damage can make a complete file look like a part: it is valid alone
        parts = [part for part in parts if _joined([(0, part[1])]) is None]
    wholes = dict.fromkeys(code.bytes for code in codes if (code.index, code.bytes) not in parts)
    files = [_untext(code, bare=bare) for code in wholes]
    if not bare:
        files = list(dict.fromkeys(file for file in files if has_header(file)))
    joined = _joined(parts) if parts and not bare else None
    if joined is not None and joined not in files:
        files.append(joined)
    if parts and (bare or not files):
        numbers = ", ".join(str(index + 1) for index, _ in parts)
        raise TruncatedError(
            f"the picture shows part {numbers} of a file in several QR codes (structured append): "
            + ("a bare file must be in one code" if bare else "take one picture of all of them")
        )
    if len(files) > 1:
        raise SeveralCodesError(f"{len(files)} QR codes in the picture: crop it to one of them")
    if not files:
        if any(is_claim(code.bytes) for code in codes):
            raise claim_error("the QR code")
        raise BadMagicError(
            f"the QR code does not hold a .stc file: it begins with {excerpt(codes[0].bytes)}"
        )
    return files[0]


@dataclass(frozen=True)
class _Code:
    """A code in a picture."""

    bytes: bytes
    index: int | None  # of the part that it holds, if several codes hold one file


def _find(image: Source) -> list[_Code]:
    """Read every QR code in a picture. Raises ImageError, MissingExtraError."""
    try:
        import zxingcpp
    except ImportError as error:
        raise missing(error) from error
    from stc.carriers.sequence import part_index

    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    for picture in _grounds(image):
        grey = picture.convert("L")
        grey.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
        found = zxingcpp.read_barcodes(grey, formats=formats)
        if not found and max(grey.size) <= MAX_SIDE // 2:
            # At twice the size, a third of the missed blurred or slanted codes are detected.
            larger = grey.resize((2 * grey.width, 2 * grey.height), Image.Resampling.BICUBIC)
            found = zxingcpp.read_barcodes(larger, formats=formats)
        if found:
            return [_Code(code.bytes, part_index(code)) for code in found]
    return []


def _grounds(image: Source) -> Iterator[Image.Image]:
    """Yield the picture on white; a transparent one then on black, which shows white modules."""
    if isinstance(image, (str, os.PathLike)):
        image = Path(image).read_bytes()
    elif hasattr(image, "read") and not isinstance(image, Image.Image):
        image = image.read()
    yield load_image(image)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    with quiet():
        picture = image if isinstance(image, Image.Image) else open_picture(io.BytesIO(image))
        if not picture.has_transparency_data and picture.mode not in ("La", "RGBa"):
            return
        layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
    ground = Image.new("RGB", layer.size, "black")
    ground.paste(layer, mask=layer.getchannel("A"))
    yield ground


def _joined(parts: list[tuple[int, bytes]]) -> bytes | None:
    """Join sorted parts to a file; None if one is missing or the result is no .stc file."""
    if [index for index, _ in parts] != list(range(len(parts))):
        return None
    file = _untext(b"".join(part for _, part in parts))
    try:
        parse_header(file)
    except FormatError:
        return None
    return file


def _untext(code: bytes, *, bare: bool = False) -> bytes:
    """Decode Base45 text; other contents are returned unchanged."""
    found = from_text(code, bare=bare, shortest=0)
    return code if found is None else found


def _check(version: int, ecc: str) -> None:
    if version not in VERSIONS:
        raise ValueError(f"version must be 1 to 40, not {version}")
    if ecc not in LEVELS:
        raise ValueError(f"ecc must be one of {', '.join(LEVELS)}, not {ecc!r}")
