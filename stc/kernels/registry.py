"""The table of search backends: the arrays that each accepts, and whether it is available here.

`BACKENDS` is in order of preference; the first available one is chosen, unless the environment
variable STC_BACKEND names another. docs/kernels.md describes how to add one.

torch is imported only when a backend that uses it is queried.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from stc.errors import BackendError
from stc.threads import threads

VARIABLE = "STC_BACKEND"
AUTO = "auto"

# Triton reads this at import: it compiles, or, for tests, interprets kernels on the CPU.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

Arrays = Literal["numpy", "torch"]


@dataclass(frozen=True)
class Backend:
    """One implementation of the search.

    `module` has a function run(latents, prepared, groups) -> indices, costs, for arrays and
    PreparedCodebooks of the type `takes`: latents float32 [B, T, D]; groups int64 [B], or None for
    every group. Backends of numpy arrays also have a parameter for the number of threads, and are
    used for torch tensors on the CPU too.
    """

    name: str
    takes: Arrays
    devices: tuple[str, ...]  # types of torch devices whose memory it can read; (): all
    module: str
    describe: Callable[[], str]  # one line of description, if it is available here
    why_not: Callable[[], str]  # why it is not available here; "" if it is

    def fits(self, arrays: Arrays, device: str) -> bool:
        """Whether it accepts arrays of this type in the memory of this type of device."""
        known = self.takes == arrays or (arrays == "torch" and device == "cpu")
        return known and (not self.devices or device in self.devices)

    @property
    def run(self) -> Callable[..., Any]:
        """The search function; imports its module."""
        run: Callable[..., Any] = import_module(self.module).run
        return run

    @property
    def gather(self) -> Callable[..., Any] | None:
        """Its function to gather codewords (see `stc.kernels.torch.packed`), or None."""
        return getattr(import_module(self.module), "gather", None)


def choose(name: str = AUTO, arrays: Arrays = "numpy", device: str = "cpu") -> Backend:
    """Return the backend for arrays of this type on this type of device.

    name: "auto" is STC_BACKEND or, if that is not set, the first backend in the table that is
    available. Raises BackendError for a backend that is unknown or not available here.
    """
    if name == AUTO:
        name = os.environ.get(VARIABLE, AUTO)
    if name == AUTO:
        return next(b for b in BACKENDS.values() if b.fits(arrays, device) and not b.why_not())
    if name not in BACKENDS:
        raise BackendError(f"no backend {name!r}: there are {AUTO}, {', '.join(BACKENDS)}")
    backend = BACKENDS[name]
    if not backend.fits(arrays, device):
        where = f"torch tensors on {device}" if arrays == "torch" else "numpy arrays"
        raise BackendError(f"backend {name} does not support {where}")
    if reason := backend.why_not():
        raise BackendError(f"backend {name} is not available: {reason}")
    return backend


def backends() -> dict[str, str]:
    """Return a line for every backend: its description, or why it is not available here.

    Imports torch if it is installed.
    """
    return {
        name: f"no: {reason}" if (reason := backend.why_not()) else backend.describe()
        for name, backend in BACKENDS.items()
    }


def table() -> str:
    """Return `backends()` as text; a star marks the backend used to encode on the CPU."""
    chosen = choose().name
    return "\n".join(
        f"{'*' if name == chosen else ' '} {name:7} {BACKENDS[name].takes:6} {text}"
        for name, text in backends().items()
    )


def _version(package: str) -> str:
    """The version of a package, without importing it."""
    from importlib import metadata  # not at the top: importing it takes longer than a search

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # installed by a distribution of another name
        return "of unknown version"


def _native() -> str:
    from stc.kernels import native

    return native.why


@lru_cache(maxsize=1)
def _torch() -> str:
    return "" if find_spec("torch") else "torch is not installed"


@lru_cache(maxsize=1)
def _triton() -> str:
    for package in ("triton", "torch"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    import torch

    if torch.version.hip is not None:
        return "the kernels are for NVIDIA GPUs only"
    return "" if INTERPRETED or torch.cuda.is_available() else "no CUDA device"


_ROWS = (
    Backend(
        "native",
        "numpy",
        ("cpu",),
        "stc.kernels.native",
        lambda: f"one C++ file, {threads()} threads at most",
        _native,
    ),
    Backend(
        "triton",
        "torch",
        ("cuda", "cpu") if INTERPRETED else ("cuda",),
        "stc.kernels.triton",
        lambda: f"triton {_version('triton')}, CUDA devices",
        _triton,
    ),
    Backend(
        "torch",
        "torch",
        (),
        "stc.kernels.torch.chunked",
        lambda: f"torch {_version('torch')}, every device",
        _torch,
    ),
    Backend(
        "numpy",
        "numpy",
        ("cpu",),
        "stc.kernels.numpy_search",
        lambda: f"numpy {_version('numpy')}, matrix products: several times slower",
        lambda: "",
    ),
)
BACKENDS = {backend.name: backend for backend in _ROWS}
