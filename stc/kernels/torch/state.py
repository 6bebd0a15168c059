"""torch's standard settings during a computation, whatever the host program has set.

Settings of a thread (autocast, autograd mode, default device, number of threads that it starts) are
set for that thread. Settings that all threads share (precision of products) are set by the first
thread that enters and restored by the last one that leaves, and only if they differ. The default
type cannot be changed for a while without effects on other threads, so code that creates tensors
here must state their types.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from stc.errors import BackendError
from stc.floating_point import standard_floats
from stc.fork_lock import ForkLock, in_forked_child

_lock = ForkLock()
_users = 0
_undo: list[Callable[[], Any]] = []  # functions that restore the host's settings, while in use
_forked = False  # whether this process was forked from one that had loaded this module


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Set torch's standard settings for computation on a device; restore the host's afterwards.

    Also usable as a decorator. In a forked child torch is limited to one thread, since it would
    wait forever for threads of the parent. Raises BackendError for a CUDA device in a child that
    was forked after CUDA was initialized.
    """
    check_usable(device)
    with ExitStack() as own:
        own.enter_context(standard_floats())
        own.enter_context(torch.inference_mode(False))
        own.enter_context(torch.autocast(device.type, enabled=False))
        if torch.get_default_device().type != "cpu":
            own.enter_context(torch.device("cpu"))
        if _forked and (before := torch.get_num_threads()) > 1:
            torch.set_num_threads(1)
            own.callback(torch.set_num_threads, before)
        own.enter_context(_shared(device))
        yield


def check_usable(device: torch.device) -> None:
    """Raise BackendError for a CUDA device in a child forked after CUDA was initialized."""
    if device.type == "cuda":
        try:
            torch.cuda.init()
        except RuntimeError as error:
            raise BackendError(
                f"device {device} cannot be used in process {os.getpid()}: {error}; start the "
                'process with multiprocessing.get_context("spawn"), or use device "cpu" in it'
            ) from error


@contextmanager
def _shared(device: torch.device) -> Iterator[None]:
    """Set the settings that all threads share."""
    global _users
    with _lock:
        if _users == 0:
            _set(device)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users = max(0, _users - 1)  # a child that was forked inside also comes here
            if _users == 0:
                while _undo:
                    _undo.pop()()


def _set(device: torch.device) -> None:
    cuda = device.type == "cuda"
    backends: Any = torch.backends
    if hasattr(backends.cuda.matmul, "fp32_precision"):  # torch 2.9 and newer
        kinds: tuple[Any, ...] = (backends.mkldnn.matmul, backends.mkldnn.conv)
        if cuda:
            kinds = backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn
        for kind in kinds:
            if kind.fp32_precision not in ("ieee", "none"):
                _replace_field(kind, "fp32_precision", "ieee")
    else:
        precision = torch.get_float32_matmul_precision
        _replace(precision, torch.set_float32_matmul_precision, "highest")
        _replace_field(backends.cudnn, "allow_tf32", False)
    if cuda:  # some CUDA kernels have no deterministic form
        debug = torch.get_deterministic_debug_mode
        _replace(debug, torch.set_deterministic_debug_mode, 0)
        _replace_field(backends.cudnn, "enabled", True)
        _replace_field(backends.cudnn, "benchmark", False)


def _replace(get: Callable[[], Any], put: Callable[[Any], Any], value: Any) -> None:
    before = get()
    if before != value:
        put(value)
        _undo.append(lambda: put(before))


def _replace_field(of: Any, name: str, value: Any) -> None:
    _replace(lambda: getattr(of, name), lambda new: setattr(of, name, new), value)


def _renew() -> None:
    """In a forked child, reset the count: no other thread is inside."""
    global _users, _forked
    _users, _forked = 0, True


in_forked_child(_renew)
