"""STC: a human face in 50 to 400 bytes.

>>> data = stc.encode("photo.jpg", max_bytes=192)     # bytes of a .stc file
>>> stc.decode(data).save("face.png")                 # a PIL image
>>> stc.info(data).tokens

`Codec` holds a model for batches. Everything raised on purpose is an `StcError`; the tree is in
`stc.errors`. Importing this package does not import torch: the first encode or decode does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stc.errors import (
    BudgetError,
    FaceError,
    FormatError,
    ImageError,
    ModelError,
    QualityError,
    StcError,
)

if TYPE_CHECKING:
    from stc.api import decode, encode
    from stc.codec.codec import Codec
    from stc.codec.info import FileInfo, info

__version__ = "0.1.0"

__all__ = [
    "BudgetError",
    "Codec",
    "FaceError",
    "FileInfo",
    "FormatError",
    "ImageError",
    "ModelError",
    "QualityError",
    "StcError",
    "__version__",
    "decode",
    "encode",
    "info",
]

_LAZY = {
    "Codec": "stc.codec.codec",
    "FileInfo": "stc.codec.info",
    "decode": "stc.api",
    "encode": "stc.api",
    "info": "stc.codec.info",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'stc' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
