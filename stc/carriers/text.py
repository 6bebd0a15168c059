"""A .stc file <-> Base45 text (RFC 9285), also after changes by scanners and editors."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from stc.bitstream import MAX_BYTES, has_header, parse_header
from stc.errors import FormatError, MissingExtraError
from stc.install_hint import install_hint

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # of Base45, by value
_LETTERS = frozenset(ALPHABET)
_MAX_LETTERS = 2 * MAX_BYTES  # longer texts are not decoded; three letters are two bytes
# The symbology identifier that scanners put before the text (ISO/IEC 15424).
_QR_CODE = "]Q"


def to_text(data: bytes) -> str:
    """Encode a .stc file as Base45 text. Raises MissingExtraError."""
    try:
        from base45 import b45encode
    except ImportError as error:
        raise missing(error) from error
    return str(b45encode(data), "ascii")


def from_text(data: bytes, *, bare: bool = False, shortest: int = 24) -> bytes | None:
    """Decode Base45 text -> the .stc file, or None for other data.

    data: text from a scanner, a clipboard, an editor or the service (`form=base45`). Lower case,
        line breaks, spaces around the text, quotes, a byte order mark, UTF-16 and a scanner's `]Q1`
        in front are accepted.
    bare: expect a file without a header; any Base45 text is then decoded.
    shortest: with `bare`, texts of fewer letters give None, since they may be a bare file.

    Only the magic of the file is checked. Raises MissingExtraError if the text begins like that of
    a .stc file and base45 is not installed.
    """
    letters = letters_of(data)
    if not letters:
        return None
    if bare:
        if len(letters) < shortest:
            return None
    elif letters.strip()[1:3] != "VV":  # part of the magic, which every file with a header has
        return None
    try:
        from base45 import b45decode
    except ImportError as error:
        raise missing(error) from error
    found = []
    for candidate in _spaced(letters):
        try:
            found.append(bytes(b45decode(candidate)))
        except ValueError:
            continue
    if bare:
        return found[0] if found else None
    files = [file for file in found if has_header(file)]
    return next(filter(_is_sound, files), files[0] if files else None)


def letters_of(data: bytes) -> str:
    """The Base45 letters of a text as `from_text` accepts it, in upper case; "" for other data."""
    return _letters(_in_json(data))


def missing(error: ImportError) -> MissingExtraError:
    """The error for a library of the extra `qr` that is not installed."""
    return MissingExtraError(f"{error.name} is missing: {install_hint('qr')}")


def _in_json(data: bytes) -> bytes:
    """The text in a response of the service to `form=base45`; other data unchanged."""
    if len(data) > _MAX_LETTERS or data.lstrip()[:1] != b"{":
        return data
    try:
        found = json.loads(data)["base45"]
    except (ValueError, KeyError, RecursionError):
        return data
    return found.encode("ascii", "replace") if isinstance(found, str) else data


def _letters(data: bytes) -> str:
    """The letters of Base45 text in upper case; "" if data contain other characters."""
    if len(data) > 2 * _MAX_LETTERS:  # as UTF-16
        return ""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return ""
    text = "".join(text.replace("\0", "").splitlines()).strip("\t\"'")
    text = text.replace("\t", "").lstrip(" " if _QR_CODE in text[:40] else "")
    if text.startswith(_QR_CODE):
        text = text[3:]
    # Only ASCII: str.upper maps some other letters to two letters.
    text = text.upper() if text.isascii() else ""
    return text if _LETTERS.issuperset(text) else ""


def _spaced(letters: str) -> Iterator[str]:
    """Yield the text with and without a leading space, which may have been added or removed.

    Base45 never ends with a space, but the text of a bare file may begin with one.
    """
    letters = letters.rstrip(" ")
    yield letters
    if letters.startswith(" "):
        yield letters.lstrip(" ")
    yield f" {letters}"


def _is_sound(file: bytes) -> bool:
    try:
        parse_header(file)
    except FormatError:
        return False
    return True
