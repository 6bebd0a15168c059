"""Rivals: common image formats, each with the best settings that fit a limit of bytes."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from stc.errors import StcError
from stc.install_hint import install_hint
from stc.lab.evaluation.base import FaceCodec
from stc.lab.evaluation.rivals.avif import Avif
from stc.lab.evaluation.rivals.jpeg import Jpeg
from stc.lab.evaluation.rivals.jpeg2000 import Jpeg2000
from stc.lab.evaluation.rivals.jxl import Jxl
from stc.lab.evaluation.rivals.search import Format, Searched
from stc.lab.evaluation.rivals.webp import Webp
from stc.lab.evaluation.rivals.webp48 import Webp48

FORMATS: dict[str, Callable[[], Format]] = {
    kind.name: kind for kind in (Jpeg, Jpeg2000, Webp, Avif, Jxl)
}
NAMES = (*FORMATS, Webp48.name)


def open_rival(name: str) -> FaceCodec:
    """Open a rival by its name, one of NAMES.

    Raises StcError if the name is unknown, or Pillow cannot write the format.
    """
    if name == Webp48.name:
        return Webp48()
    if name not in FORMATS:
        raise StcError(f"no rival {name!r}: there are {', '.join(NAMES)}")
    form = FORMATS[name]()
    Image.init()
    if name.upper() not in Image.SAVE:
        raise StcError(f"this Pillow cannot write {name}: {install_hint('lab')}")
    return Searched(form)


__all__ = ["FORMATS", "NAMES", "open_rival"]
