"""The .stc file in whatever carries it: the one door for bytes whose kind nobody has stated."""

from __future__ import annotations

from stc.bitstream import MAX_BYTES, MEDIA_TYPE, has_header
from stc.carriers import ndef, text
from stc.errors import BadMagicError, FormatError, TruncatedError

MAX_BARE = 1024  # bytes; no bare file is longer
_TYPE = MEDIA_TYPE.encode()
# How PNG and JPEG begin. No picture of another kind is as short as a bare file.
_PICTURES = (b"\x89", b"\xff")


def read_carried(data: bytes, *, bare: bool = False) -> bytes:
    """The bytes of a .stc file, from the file itself or from what carries it.

    data: a .stc file; its Base45 text, as `stc.carriers.text.from_text` reads it; an NDEF message
        or a tag's memory, as `stc.carriers.ndef.read` does, also in hexadecimal digits; a picture
        of its QR code, as `stc.carriers.qr.read` does. Pixels are decoded of pictures alone.
    bare: the file was made with `bare`. Data of up to 1024 bytes that are nothing of the above are
        then taken for the file itself. A file with a header is read all the same.

    The file that is returned is not checked beyond its magic, and a bare one not at all: decoding
    does that.

    Raises FormatError; ImageError for a picture that cannot be read; MissingExtraError if a library
    of the extra `qr` is needed and not installed.
    """
    found = read_bytes(data, bare=bare)
    if found is not None:
        return found
    if _is_picture(data):
        from stc.carriers import qr

        return qr.read(data, bare=bare)
    if len(data) < 2:
        raise TruncatedError(f"{len(data)} bytes are too few to be a .stc file")
    raise BadMagicError(f"not a .stc file, nor what carries one: it begins with {data[:2].hex()}")


def read_bytes(data: bytes, *, bare: bool = False) -> bytes | None:
    """The same of everything but a picture: None for pictures and for what carries no file.

    Raises FormatError for a tag's memory or a message that is damaged, MissingExtraError.
    """
    if has_header(data):
        return data[:MAX_BYTES]
    found = _on_tag(data)
    if found is None:
        found = text.from_text(data, bare=bare)
    if found is not None or not bare or len(data) > MAX_BARE:
        return found
    return None if data[:1] in _PICTURES and _is_picture(data) else data


def _on_tag(data: bytes) -> bytes | None:
    """The file in data that come from a tag, or None for other data. Raises FormatError."""
    if len(data) > 3 * ndef.MAX_DUMP:  # as digits with a space between two
        return None
    # Anything may look like a list of blocks; what names the media type is meant to be one.
    dump = next((one for one in (data, _digits(data)) if _TYPE in one.lower()), None)
    if dump is None:
        return None
    try:
        return ndef.read(dump)
    except FormatError:
        if _is_picture(data):  # which may name the type in what it says of itself
            return None
        raise


def _is_picture(data: bytes) -> bool:
    from stc.carriers import qr  # it loads Pillow and numpy

    return qr.is_picture(data)


def _digits(data: bytes) -> bytes:
    """The bytes behind hexadecimal digits, as programs for tags show memory, or nothing."""
    try:
        return bytes.fromhex(data.decode("ascii").replace(":", " "))
    except ValueError:
        return b""
