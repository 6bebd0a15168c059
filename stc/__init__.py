"""STC: a human face in 32 to 400 bytes.

>>> data = stc.encode("photo.jpg", max_bytes=192)     # bytes of a .stc file
>>> stc.decode(data).save("face.png")                 # a PIL image
>>> stc.info(data).tokens

`Settings` has all settings of an encoder and their defaults. `Codec` holds a model for batches of
aligned faces. Every error that STC raises on purpose is an `StcError`; `stc.errors` has the class
tree. Names that neither this module nor the documentation lists are private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.errors import (
    BudgetError,
    FaceError,
    FormatError,
    ImageError,
    ModelError,
    QualityError,
    SettingsError,
    StcError,
)
from stc.lazy import lazily
from stc.version import __version__

if TYPE_CHECKING:
    from stc.api import decode, encode
    from stc.codec.codec import Codec
    from stc.codec.info import FileInfo, info
    from stc.settings import Encoded, Settings

__all__ = [
    "BudgetError",
    "Codec",
    "Encoded",
    "FaceError",
    "FileInfo",
    "FormatError",
    "ImageError",
    "ModelError",
    "QualityError",
    "Settings",
    "SettingsError",
    "StcError",
    "__version__",
    "decode",
    "encode",
    "info",
]

_HOMES = {
    "Codec": "codec.codec",
    "Encoded": "settings",
    "FileInfo": "codec.info",
    "Settings": "settings",
    "decode": "api",
    "encode": "api",
    "info": "codec.info",
}

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
