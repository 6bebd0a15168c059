"""Pillow opens and saves .stc files once this module is imported.

>>> import stc.pillow
>>> Image.open("face.stc").thumbnail((64, 64))
>>> Image.open("photo.jpg").save("face.stc", max_bytes=192)

Opening reads the header and checks the checksum; the model is loaded with the pixels. `info` holds
`version`, `fingerprint`, `tokens`, `bytes`, and a `comment` that JPEG and GIF take over. `save`
takes the fields of `stc.Settings`, `model` and `device`, like `stc.encode`, and `quality` for
programs that have no other option: 32 bytes at 0 to 384 bytes at 100. Other options are ignored, as
Pillow's own formats do.

A file of another format is left to other plug-ins (UnidentifiedImageError). A damaged .stc file,
one of another version or of a missing model, and a picture that cannot be coded raise OSError,
whose `__cause__` is the StcError.

Saving over a file loses it if the picture cannot be coded: `Image.save` opens and empties the file
before it calls any plug-in, and a plug-in cannot change that. The file is then left with 0 bytes; a
file that did not exist is removed again. Where an existing file matters, encode first, then write:

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
    """A .stc file as Pillow sees it: RGB, 128 x 128 pixels, or 256 x 256 after `draft`."""

    format = FORMAT
    format_description = "STC face"
    _data: bytes | None = None  # what is still to be decoded

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101 - Pillow has just set it
        data = self.fp.read(MAX_BYTES)
        if not has_header(data):
            raise SyntaxError("not a .stc file")  # what Pillow takes for "ask the next plug-in"
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
        """Draw 256 x 256 pixels where a size above 128 is asked for, before the pixels are loaded.

        mode has no effect. Returns None if nothing changes, as Pillow has it.
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
    """Make the format known to Pillow; importing this module does it."""
    Image.register_open(FORMAT, StcImageFile, _accept)
    Image.register_save(FORMAT, save)
    Image.register_extension(FORMAT, ".stc")
    Image.register_mime(FORMAT, MEDIA_TYPE)


register()
