"""Launches a compiled kernel on CPU tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.kernels.triton.emulator.machine import run
from tests.kernels.triton.emulator.memory import GlobalMemory
from tests.kernels.triton.emulator.program import parse

ALIGNMENT = 16  # the divisor that Triton assumes for specialized pointers (bytes) and integers
POINTERS = {
    "*fp32": torch.float32,
    "*fp16": torch.float16,
    "*bf16": torch.bfloat16,
    "*i64": torch.int64,
    "*i32": torch.int32,
    "*i16": torch.int16,
    "*i8": torch.int8,
    "*u8": torch.uint8,
}
INTEGERS = {"i32": 1 << 31, "i64": 1 << 63}


def launch(
    compiled: Any,
    args: Sequence[Tensor | int],
    grid: tuple[int, ...],
    *,
    deterministic: bool = False,
) -> None:
    """Runs what a Triton kernel's `warmup` returned; results are written to the tensors.

    args: as of a call of the kernel, without its constexprs. Tensors are contiguous and on the
    CPU. deterministic: raise AccessError where lanes store different values at one address.
    Raises TypeError or ValueError for arguments that this kernel was not compiled for.
    """
    source, metadata = compiled.src, compiled.metadata
    parameters = [each for each in source.fn.params if not each.is_constexpr]
    if len(args) != len(parameters):
        raise ValueError(f"{len(args)} arguments for {[each.name for each in parameters]}")
    passed: dict[str, Tensor | int] = {}
    pointers = []
    for parameter, argument in zip(parameters, args, strict=True):
        place, kind = (parameter.num,), source.signature[parameter.name]
        if kind != "constexpr":
            divides = ["tt.divisibility", ALIGNMENT] in source.attrs.get(place, [])
            _check(parameter.name, kind, argument, divides)
            passed[parameter.name] = argument
            pointers.append(kind.startswith("*"))
        elif argument != source.constants[place]:  # Triton left it out: it was 1, or None
            raise ValueError(f"{parameter.name} was {source.constants[place]} when compiled")
    # Behind them Triton declares pointers to scratch memory, which is there when it has a size.
    declared = parse(compiled.asm["ptx"]).parameters
    scratch = declared[len(passed) :]
    if metadata.global_scratch_size or metadata.profile_scratch_size or metadata.num_ctas != 1:
        raise NotImplementedError("scratch memory or clusters")
    if len(scratch) > 2 or [*pointers, *(True for _ in scratch)] != [x.pointer for x in declared]:
        raise ValueError(f"{list(passed)} for the parameters {declared} of the PTX")
    launch_ptx(
        compiled.asm["ptx"],
        [*passed.values(), *(0 for _ in scratch)],
        grid,
        metadata.shared,
        [*passed, *(each.name for each in scratch)],
        deterministic=deterministic,
    )


def launch_ptx(
    ptx: str,
    args: Sequence[Tensor | int],
    grid: tuple[int, ...],
    shared: int = 0,
    names: Sequence[str] | None = None,
    *,
    deterministic: bool = False,
) -> None:
    """Runs the one kernel in this text, with an argument for each of its parameters.

    shared: bytes of shared memory. names: of the arguments, for messages. A pointer may be 0.
    """
    program = parse(ptx)
    names = names or [parameter.name for parameter in program.parameters]
    tensors = _Tensors(GlobalMemory(deterministic))
    values = []
    for name, argument, parameter in zip(names, args, program.parameters, strict=True):
        if isinstance(argument, Tensor) and parameter.pointer:
            values.append(tensors.place(name, argument))
        elif isinstance(argument, Tensor) or (parameter.pointer and argument != 0):
            raise TypeError(f"{name} is {'' if parameter.pointer else 'not '}a pointer")
        elif not -(1 << parameter.width - 1) <= argument < 1 << parameter.width:
            raise ValueError(f"{name} = {argument} has more than {parameter.width} bits")
        else:
            values.append(argument)
    run(program, tensors.memory, values, (*grid, 1, 1)[:3], shared)
    tensors.fetch()


class _Tensors:
    """Tensors and where their copies are in emulated memory."""

    def __init__(self, memory: GlobalMemory) -> None:
        self.memory = memory
        self._placed: dict[tuple[int, int], tuple[int, np.ndarray]] = {}

    def place(self, name: str, tensor: Tensor) -> int:
        """Return the address of the tensor's copy, with its alignment; one copy per tensor."""
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError(f"{name} must be contiguous and on the CPU")
        data = tensor.detach().reshape(-1).view(torch.uint8).numpy()
        start, size = key = tensor.data_ptr(), len(data)
        if key not in self._placed:
            for other, other_size in self._placed:
                if start < other + other_size and other < start + size:
                    raise ValueError(f"{name} overlaps another argument")
            self._placed[key] = self.memory.place(name, data, start % ALIGNMENT), data
        return self._placed[key][0]

    def fetch(self) -> None:
        """Copies what is in emulated memory back into the tensors."""
        for address, data in self._placed.values():
            data[:] = self.memory.content(address)


def _check(name: str, kind: str, argument: Tensor | int, divides: bool) -> None:
    """Check that the kernel was compiled for such an argument."""
    if isinstance(argument, Tensor):
        fits, number = POINTERS.get(kind) == argument.dtype, argument.data_ptr()
    else:
        fits, number = isinstance(argument, int) and kind in INTEGERS, argument
        fits = fits and -INTEGERS[kind] <= number < INTEGERS[kind]
    if not fits:
        raise TypeError(f"{name} must be {kind}")
    if divides and number % ALIGNMENT:
        raise ValueError(f"{name} does not divide by {ALIGNMENT} as it did when compiled")
