"""An ONNX network of the package: its file is checked, and it is opened once in a process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from stc.errors import ModelMissingError, WrongModelError
from stc.fork_lock import ForkLock, Inside

_Value = TypeVar("_Value")


class OpenedOnce(Generic[_Value]):
    """What is opened when it is first needed, and again in a child that was forked while it ran.

    Make it once for a module. `used` is for `with`, around every use.
    """

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._lock = ForkLock()
        self._opened: list[_Value] = []
        # In a forked child; never destroyed, which might wait for a lock.
        self._abandoned: list[_Value] = []
        self.used = Inside(self._abandon)

    def _abandon(self) -> None:
        self._abandoned.extend(self._opened)
        self._opened.clear()

    def get(self) -> _Value:
        """The one that there is. Raises what opening it raises."""
        with self._lock:
            if not self._opened:
                self._opened.append(self._make())
            return self._opened[0]


def read(path: Path, sha256: str, what: str, otherwise: str = "") -> bytes:
    """A file of the package, of a known SHA-256.

    what: the network's name in messages; otherwise: what else to do than to install it again.
    Raises ModelMissingError if it cannot be read, WrongModelError if it was changed.
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
    """ONNX Runtime's session on one thread: the same sums on any number of cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
