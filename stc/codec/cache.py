"""Codecs that are kept for the next call: one bounded cache, by model and device.

Safe to use from several threads, and in the child of a fork.
"""

from __future__ import annotations

import threading
from pathlib import Path

from stc.bitstream import parse_header
from stc.codec.codec import Codec
from stc.codec.model_file import ModelFile, find_model, open_model
from stc.fork_lock import ForkLock, in_forked_child

MAX_KEPT = 4  # codecs, of some 50 MB each


class _Slot:
    """Place for one codec, and the lock that whoever builds it holds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.codec: Codec | None = None


_slots: dict[tuple[str, str], _Slot] = {}  # by the model's identity and the device; last used last
_lock = ForkLock()  # of the dictionary; never held while a codec is built


def load_codec(model: str | Path | None = None, *, device: str = "cpu") -> Codec:
    """The codec of a model by name or path, or of the default one.

    The file's header is read each time: a file that was written anew is loaded anew.

    Raises ModelMissingError, WrongModelError, BackendError, MissingExtraError.
    """
    return _cached(open_model(model), device)


def codec_of(
    data: bytes, model: str | Path | None = None, *, bare: bool = False, device: str = "cpu"
) -> Codec:
    """The codec that decodes a .stc file: of the shipped model that it names, unless one is given.

    A bare file names none, and gets the default one. Raises FormatError, ModelError, BackendError,
    MissingExtraError.
    """
    if bare or model is not None:
        return load_codec(model, device=device)
    return _cached(find_model(parse_header(data).fingerprint), device)


def _cached(model: ModelFile, device: str) -> Codec:
    """The codec that is kept, or a new one; callers that want the same one wait for it."""
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
    """In the child of a fork, replace locks that threads of the parent may hold for ever here.

    Codecs that are built stay: they hold no lock, thread or open file of their own.
    """
    for slot in _slots.values():
        slot.lock = threading.Lock()


in_forked_child(_renew_locks)
