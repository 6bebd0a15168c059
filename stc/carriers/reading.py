"""Reading a .stc file from any carrier: the kind of carrier is detected from its bytes."""

from __future__ import annotations

from stc.bitstream import MAX_BYTES, MEDIA_TYPE, has_header
from stc.carriers import ndef, text
from stc.carriers.claim import claim_error, is_claim
from stc.carriers.excerpt import excerpt
from stc.errors import BadMagicError, FormatError, TruncatedError

MAX_BARE = 1024  # bytes; longer data are no bare file
_TYPE = MEDIA_TYPE.encode()
# The first bytes of PNG and JPEG. Pictures in other formats are longer than any bare file.
_PICTURES = (b"\x89", b"\xff")


def read_carried(data: bytes, *, bare: bool = False) -> bytes:
    """Extract a .stc file from data of any supported carrier -> the bytes of the file.

    data: a .stc file; its Base45 text, see `stc.carriers.text.from_text`; an NDEF message or a
        tag's memory, also as hexadecimal digits, see `stc.carriers.ndef.read`; a picture of its QR
        code, see `stc.carriers.qr.read`.
    bare: also accept a file without a header: data of up to 1024 bytes that match none of the above
        are then returned as the file.

    Only the magic of the file is checked, and nothing of a bare file; decoding checks the rest.

    Raises FormatError if there is no file, the carrier is damaged, or it holds a signed claim;
    ImageError for a picture that cannot be read; MissingExtraError if a library of the extra `qr`
    is needed and not installed.
    """
    found = read_bytes(data, bare=bare)
    if found is not None:
        return found
    if is_picture(data):
        from stc.carriers import qr

        return qr.read(data, bare=bare)
    if len(data) < 2:
        raise TruncatedError(f"{len(data)} bytes are too few to be a .stc file")
    raise BadMagicError(f"not a .stc file, nor a carrier of one: it begins with {excerpt(data)}")


def read_bytes(data: bytes, *, bare: bool = False) -> bytes | None:
    """Like `read_carried`, but decodes no picture: None for a picture and for data without a file.

    Raises FormatError for a damaged NDEF message or tag's memory and for a signed claim,
    MissingExtraError.
    """
    if has_header(data):
        return data[:MAX_BYTES]
    found = _on_tag(data)
    if found is None:
        if is_claim(data):
            raise claim_error("the text" if data.isascii() else "the input")
        found = text.from_text(data, bare=bare)
    if found is not None or not bare or len(data) > MAX_BARE:
        return found
    return None if data[:1] in _PICTURES and is_picture(data) else data


def _on_tag(data: bytes) -> bytes | None:
    """The file in data that come from a tag, or None for other data. Raises FormatError."""
    if len(data) > 3 * ndef.MAX_DUMP:  # as digits with a space between two
        return None
    # Arbitrary data may parse as a list of blocks, so the media type is required.
    dump = next((one for one in (data, _digits(data)) if _TYPE in one.lower()), None)
    if dump is None:
        return None
    try:
        return ndef.read(dump)
    except FormatError:
        if is_picture(data):  # its metadata may contain the media type
            return None
        raise


def is_picture(data: bytes) -> bool:
    """Whether data begins like a picture of a common format; no pixels are decoded."""
    from stc.carriers import qr  # imports Pillow and numpy

    return qr.is_picture(data)


def _digits(data: bytes) -> bytes:
    """Decode hexadecimal digits, as tag programs show memory; empty for other data."""
    try:
        return bytes.fromhex(data.decode("ascii").replace(":", " "))
    except ValueError:
        return b""
