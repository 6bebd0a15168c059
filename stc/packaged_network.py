"""ONNX networks shipped in the package: check the file, and open it once per process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from stc.errors import ModelMissingError, WrongModelError
from stc.fork_lock import ForkLock, UsageTracker

_Value = TypeVar("_Value")


class OpenedOnce(Generic[_Value]):
    """An object that is made when it is first needed, and made again in some forked children.

    A child makes it again only if it was forked while the object was in use: put every use in
    `with opened.used:`. Create an OpenedOnce once per module.
    """

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._lock = ForkLock()
        self._opened: list[_Value] = []
        # Kept in a forked child: destroying the object might wait for a lock forever.
        self._abandoned: list[_Value] = []
        self.used = UsageTracker(self._abandon)

    def _abandon(self) -> None:
        self._abandoned.extend(self._opened)
        self._opened.clear()

    def get(self) -> _Value:
        """Return the object; make it if necessary. Raises any error of the `make` function."""
        with self._lock:
            if not self._opened:
                self._opened.append(self._make())
            return self._opened[0]


def read(path: Path, sha256: str, what: str, otherwise: str = "") -> bytes:
    """Read a file of the package and check its SHA-256; return its bytes.

    what: the network's name in messages. otherwise: text added to the advice "install the package
    again", such as an alternative. Raises ModelMissingError if the file cannot be read,
    WrongModelError if it was changed.
    """
    install = "install the package again" + otherwise
    try:
        network = path.read_bytes()
    except OSError as error:
        raise ModelMissingError(f"{what} cannot be read: {error}; {install}") from error
    digest = hashlib.sha256(network).hexdigest()
    if digest != sha256:
        raise WrongModelError(
            f"{path} has SHA-256 {digest[:16]}..., not {sha256[:16]}...: it was changed or cut "
            f"short; {install}"
        )
    return network


def session(network: bytes) -> Any:
    """Open an ONNX Runtime session with one thread, so that results do not depend on the cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
