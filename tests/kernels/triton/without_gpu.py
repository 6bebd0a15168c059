"""Triton kernels without a GPU: compiled by Triton, then not launched or run by a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget


class StubDriver:
    """Replaces Triton's driver, and describes a device that is not present."""

    launcher_cls = staticmethod(lambda *args, **kwargs: None)
    utils = None

    def __init__(self, chip: int) -> None:
        self.chip = chip

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.chip, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")

    def map_python_to_cpp_type(self, ty: str) -> str:
        return ty


class Launch(NamedTuple):
    """A recorded launch of a kernel."""

    compiled: Any  # as triton.compile returns it
    arguments: tuple[Any, ...]  # those of run time, in the order of the signature
    constants: dict[str, Any]
    grid: tuple[int, ...]


@contextmanager
def chip(
    capability: int, *kernels: Any, execute: Callable[[Launch], None] | None = None
) -> Iterator[list[Launch]]:
    """Inside, launches of these kernels compile for sm_<capability> and are listed.

    Arguments are tensors on the CPU. `execute` stands in for the device.
    """
    launches: list[Launch] = []

    def record(kernel: Any) -> Callable[..., Any]:
        compile_only = type(kernel).run.__get__(kernel)

        def run(*arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
            compiled = compile_only(*arguments, grid=grid, warmup=True, **options)
            launches.append(Launch(compiled, arguments, options, grid))
            if execute is not None:
                execute(launches[-1])
            return compiled

        return run

    before = triton.runtime.driver._active
    triton.runtime.driver.set_active(StubDriver(capability))
    try:
        for kernel in kernels:
            kernel.device_caches.clear()
            kernel.run = record(kernel)
        yield launches
    finally:
        for kernel in kernels:
            del kernel.run
            kernel.device_caches.clear()
        triton.runtime.driver._active = before
