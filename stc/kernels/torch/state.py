"""torch as it is in a process that nobody has changed, while a computation lasts.

What a thread has (autocast, the mode of autograd, the default device, how many threads it starts)
is set for that thread. What all share (the precision of products) is set by the first to enter and
put back by the last to leave, and only where it is not as it should be. The default type is
nobody's to change for a moment: whatever makes a tensor here names its type.
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
_undo: list[Callable[[], Any]] = []  # what puts the host's settings back, while there are users
_forked = False  # this process was forked from one that had torch


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Inside, this thread computes on a device as if the program around it had changed nothing.

    Also a decorator. In a forked child torch has one thread, since it would wait for those of the
    parent for ever, and no CUDA device: raises BackendError for that.
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
    """Raise BackendError for a CUDA device in a child that was forked after CUDA had begun."""
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
    """What all threads share."""
    global _users
    with _lock:
        if _users == 0:
            _set(device)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users = max(0, _users - 1)  # a child that was forked inside leaves as well
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
    if cuda:  # some of its kernels have no form that gives the same bits twice
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
    """A forked child has the calling thread alone: nobody else is inside."""
    global _users, _forked
    _users, _forked = 0, True


in_forked_child(_renew)
