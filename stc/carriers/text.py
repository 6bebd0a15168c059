"""A .stc file as text in Base45 (RFC 9285), and back from what scanners and editors make of it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from stc.bitstream import MAX_BYTES, has_header, parse_header
from stc.errors import FormatError, MissingExtraError
from stc.install_hint import install_hint

_LETTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
_MAX_LETTERS = 2 * MAX_BYTES  # of a text that is looked at: three letters are two bytes
# What scanners put before the text to say what they read: ISO/IEC 15424.
_QR_CODE = "]Q"


def to_text(data: bytes) -> str:
    """Base45. Raises MissingExtraError."""
    try:
        from base45 import b45encode
    except ImportError as error:
        raise missing(error) from error
    return str(b45encode(data), "ascii")


def from_text(data: bytes, *, bare: bool = False, shortest: int = 24) -> bytes | None:
    """The .stc file behind Base45 text, or None for anything else.

    data: what a scanner, a clipboard, an editor or the service (`form=base45`) gives. Small
        letters, lines, spaces around the text, quotes, a byte order mark, UTF-16 and the scanner's
        own `]Q1` in front are no obstacle.
    bare: the file has no header, and nothing tells its text from other text.
    shortest: letters of the shortest text of a bare file. Fewer may be one themselves by chance.

    The file is not checked beyond its magic. Raises MissingExtraError if the text begins like that
    of a .stc file and base45 is not installed.
    """
    letters = _letters(_in_json(data))
    if not letters:
        return None
    if bare:
        if len(letters) < shortest:
            return None
    elif letters.strip()[1:3] != "VV":  # so begins the text of every file with a header
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


def missing(error: ImportError) -> MissingExtraError:
    """The error for a library of the extra `qr` that is not installed."""
    return MissingExtraError(f"{error.name} is missing: {install_hint('qr')}")


def _in_json(data: bytes) -> bytes:
    """The text in what the service answers to `form=base45`; other data as they are."""
    if len(data) > _MAX_LETTERS or data.lstrip()[:1] != b"{":
        return data
    try:
        found = json.loads(data)["base45"]
    except (ValueError, KeyError, RecursionError):
        return data
    return found.encode("ascii", "replace") if isinstance(found, str) else data


def _letters(data: bytes) -> str:
    """The letters of Base45 text, or "" if there are others."""
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
    # Not str.upper alone: it makes two letters of some that are not ASCII.
    text = text.upper() if text.isascii() else ""
    return text if _LETTERS.issuperset(text) else ""


def _spaced(letters: str) -> Iterator[str]:
    """The text as it may have been before spaces around it came or went.

    Base45 never ends with a space, but a bare file's may begin with one.
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
