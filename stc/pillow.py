"""Pillow opens and saves .stc files once this module is imported.

>>> import stc.pillow
>>> Image.open("face.stc").thumbnail((64, 64))
>>> Image.open("photo.jpg").save("face.stc", max_bytes=192)

Opening a file reads the header and verifies the checksum; the model is loaded when the pixels are.
`info` holds `version`, `fingerprint`, `tokens`, `bytes`, and a `comment` that Pillow copies to JPEG
and GIF files. `save` accepts the fields of `stc.Settings`, `model` and `device`, like `stc.encode`.
It also accepts `quality`, for programs that have no other option: 0 means 32 bytes, 100 means 384
bytes. Other options are ignored, as Pillow's own formats do.

Files of other formats are left to other plug-ins (UnidentifiedImageError). A damaged .stc file, a
file of another version or of a missing model, and a picture that cannot be encoded raise OSError,
whose `__cause__` is the StcError.

If an existing file is overwritten and the picture cannot be encoded, the old content is lost:
`Image.save` opens and empties the file before it calls a plug-in. The file then has 0 bytes; a file
that did not exist before is removed again. To keep an existing file, encode first, then write:

>>> data = stc.encode(image)
>>> Path("face.stc").write_bytes(data)
"""

from __future__ import annotations

from dataclasses import fields
from typing import IO, Any

from PIL import Image, ImageFile

from stc.bitstream import MAX_BYTES, MEDIA_TYPE, has_header, parse_header
from stc.canvas import CANVAS
from stc.errors import StcError
from stc.imaging.marking import note
from stc.settings import Settings

FORMAT = "STC"

_QUALITY = (32, 384)  # bytes at the two ends of the dial
_OPTIONS = (*(field.name for field in fields(Settings)), "model", "device")


class StcImageFile(ImageFile.ImageFile):
    """A .stc file as a Pillow image: RGB, 128 x 128 pixels, or 256 x 256 after `draft`."""

    format = FORMAT
    format_description = "STC face"
    _data: bytes | None = None  # what is still to be decoded

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101 - Pillow has just set it
        data = self.fp.read(MAX_BYTES)
        if not has_header(data):
            raise SyntaxError("not a .stc file")  # Pillow then tries the next plug-in
        try:
            header = parse_header(data)
        except StcError as error:
            raise OSError(str(error)) from error
        self._mode = "RGB"
        self._size = (CANVAS, CANVAS)
        self.tile = []  # nothing for Pillow's own decoders
        self.info.update(
            version=header.version,
            fingerprint=header.fingerprint.hex(),
            tokens=header.tokens,
            bytes=len(data),
            comment=note(len(data)),
        )
        self._data = data

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Select 256 x 256 pixels if the requested size is above 128; call it before `load`.

        mode has no effect. Returns the mode and the box of the new size, or None if nothing
        changes, as Pillow requires.
        """
        if self._data is None or size is None or max(size) <= CANVAS:
            return None
        self._size = (2 * CANVAS, 2 * CANVAS)
        return self.mode, (0, 0, *self._size)

    def load(self) -> Any:
        """Decode the pixels, once."""
        if self._data is not None:
            from stc.api import decode

            try:
                picture = decode(self._data, size=self.width)
            except StcError as error:
                raise OSError(str(error)) from error
            self.im = picture.im
            self._data = None
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
        return super().load()


def save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Encode `image` into `file`, which Pillow has opened and emptied (Image.register_save)."""
    given = getattr(image, "encoderinfo", {})
    options = {name: given[name] for name in _OPTIONS if given.get(name) is not None}
    quality = given.get("quality")
    if isinstance(quality, int) and quality >= 0 and not {"max_bytes", "stages"} & options.keys():
        low, high = _QUALITY
        options["max_bytes"] = low + round((high - low) * min(quality, 100) / 100)

    own = {name: options.pop(name) for name in ("model", "device") if name in options}
    settings = Settings(**options)

    from stc.api import encode

    try:
        data = encode(image, settings, **own)
    except StcError as error:
        raise OSError(str(error)) from error
    file.write(data)


def _accept(prefix: bytes) -> bool:
    return has_header(prefix)


def register() -> None:
    """Register the format with Pillow; importing this module calls it."""
    Image.register_open(FORMAT, StcImageFile, _accept)
    Image.register_save(FORMAT, save)
    Image.register_extension(FORMAT, ".stc")
    Image.register_mime(FORMAT, MEDIA_TYPE)


register()
