"""Codecs that are kept for the next call: one bounded cache, by model and device."""

from __future__ import annotations

import threading
from pathlib import Path

from stc.bitstream import parse_header
from stc.codec.codec import Codec
from stc.codec.model_file import ModelFile, find_model, open_model

MAX_KEPT = 4  # codecs, of some 50 MB each

_kept: dict[tuple[str, str], Codec] = {}  # the last used last
_lock = threading.Lock()


def load_codec(model: str | Path | None = None, *, device: str = "cpu") -> Codec:
    """The codec of a model by name or path, or of the default one. Raises as `Codec` does.

    The file is looked at each time: one that was written anew is loaded anew.
    """
    return _keep(open_model(model), device)


def codec_of(
    data: bytes, model: str | Path | None = None, *, bare: bool = False, device: str = "cpu"
) -> Codec:
    """The codec that decodes a .stc file: of the shipped model that it names, unless one is given.

    A bare file names none, and gets the default one. Raises FormatError, ModelError.
    """
    if bare or model is not None:
        return load_codec(model, device=device)
    return _keep(find_model(parse_header(data).fingerprint), device)


def _keep(model: ModelFile, device: str) -> Codec:
    key = (model.identity, device)
    with _lock:
        codec = _kept.pop(key, None) or Codec(model, device=device)
        _kept[key] = codec
        while len(_kept) > MAX_KEPT:
            del _kept[next(iter(_kept))]
        return codec
