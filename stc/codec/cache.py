"""A bounded cache of loaded codecs, by model and device.

Safe to use from several threads and in forked children.
"""

from __future__ import annotations

import threading
from pathlib import Path

from stc.bitstream import parse_header
from stc.codec.codec import Codec
from stc.codec.model_file import ModelFile, find_model, open_model
from stc.fork_lock import ForkLock, in_forked_child

MAX_KEPT = 4  # codecs, about 50 MB each


class _Slot:
    """An entry of the cache; its lock is held while the codec is built."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.codec: Codec | None = None


# By model identity and device, from the least to the most recently used.
_slots: dict[tuple[str, str], _Slot] = {}
_lock = ForkLock()  # protects the dictionary; never held while a codec is built


def load_codec(model: str | Path | None = None, *, device: str = "cpu") -> Codec:
    """Return the codec of a model, from the cache or newly loaded.

    model: the name of a shipped model or the path of a model file; the default model if None.
    The file's header is read at every call, so a file that was replaced is loaded again.

    Raises ModelMissingError, WrongModelError, BackendError, MissingExtraError.
    """
    return _cached(open_model(model), device)


def codec_of(
    data: bytes, model: str | Path | None = None, *, bare: bool = False, device: str = "cpu"
) -> Codec:
    """Return the codec that decodes a .stc file.

    data: the file's bytes. model: as in `load_codec`; if None, the shipped model that the file
    names, or the default model for a bare file, which names none.

    Raises FormatError, ModelError, BackendError, MissingExtraError.
    """
    if bare or model is not None:
        return load_codec(model, device=device)
    return _cached(find_model(parse_header(data).fingerprint), device)


def _cached(model: ModelFile, device: str) -> Codec:
    """The cached or a new codec; concurrent callers for the same one wait until it is built."""
    key = (model.identity, device)
    with _lock:
        slot = _slots.pop(key, None) or _Slot()
        _slots[key] = slot
    with slot.lock:
        if slot.codec is None:
            try:
                slot.codec = Codec(model, device=device)
            except BaseException:
                with _lock:
                    if _slots.get(key) is slot:
                        del _slots[key]
                raise
        codec = slot.codec
    with _lock:
        while len(_slots) > MAX_KEPT:
            del _slots[next(iter(_slots))]
    return codec


def _renew_locks() -> None:
    """In a forked child, replace locks that threads of the parent may have held.

    Built codecs stay in the cache: they contain no lock, thread or open file.
    """
    for slot in _slots.values():
        slot.lock = threading.Lock()


in_forked_child(_renew_locks)
