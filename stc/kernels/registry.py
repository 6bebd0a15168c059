"""The table of search backends: what each takes, and whether it serves here.

`BACKENDS` is in order of preference; the first that serves is chosen, unless the environment
variable STC_BACKEND names another. docs/kernels.md says how one more is added.

Nothing here imports torch before somebody asks about a backend of torch's.
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

# Triton decides at its import whether it compiles or, for tests, interprets on the CPU.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

Arrays = Literal["numpy", "torch"]


@dataclass(frozen=True)
class Backend:
    """One way to search.

    `module` holds run(latents, prepared, groups) -> indices, costs, for arrays and
    PreparedCodebooks of the kind it takes: latents float32 [B, T, D]; groups int64 [B], or None
    for every group. Those of numpy's arrays take the number of threads as well, and serve torch's
    tensors on the CPU.
    """

    name: str
    takes: Arrays
    devices: tuple[str, ...]  # types of torch's devices whose memory it reads; (): all of them
    module: str
    describe: Callable[[], str]  # what it is, if it serves here
    why_not: Callable[[], str]  # why it does not serve here; "" if it does

    def fits(self, arrays: Arrays, device: str) -> bool:
        """Whether it can be given such arrays in the memory of this type of device."""
        known = self.takes == arrays or (arrays == "torch" and device == "cpu")
        return known and (not self.devices or device in self.devices)

    @property
    def run(self) -> Callable[..., Any]:
        """The search itself; imports its module."""
        run: Callable[..., Any] = import_module(self.module).run
        return run

    @property
    def gather(self) -> Callable[..., Any] | None:
        """Its own way to gather codewords (see `stc.kernels.torch.packed`), if it has one."""
        return getattr(import_module(self.module), "gather", None)


def choose(name: str = AUTO, arrays: Arrays = "numpy", device: str = "cpu") -> Backend:
    """The backend for such arrays on this type of device.

    `name` "auto" means STC_BACKEND or, where that is not set, the first in the table that serves.
    Raises BackendError for a name that is unknown or cannot serve.
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
        raise BackendError(f"backend {name} cannot serve {where}")
    if reason := backend.why_not():
        raise BackendError(f"backend {name} cannot serve: {reason}")
    return backend


def backends() -> dict[str, str]:
    """Every backend and what it is, or why it does not serve here; imports torch if installed."""
    return {
        name: f"no: {reason}" if (reason := backend.why_not()) else backend.describe()
        for name, backend in BACKENDS.items()
    }


def table() -> str:
    """`backends()` for people; a star marks the one that encoding on the CPU uses."""
    chosen = choose().name
    return "\n".join(
        f"{'*' if name == chosen else ' '} {name:7} {BACKENDS[name].takes:6} {text}"
        for name, text in backends().items()
    )


def _version(package: str) -> str:
    """Without importing it."""
    from importlib import metadata  # whose import takes longer than a search

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # it came under another name
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
        return "written for NVIDIA's devices"
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
