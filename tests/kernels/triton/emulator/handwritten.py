"""Kernels in PTX written by hand, for the emulator's own tests."""

import numpy as np
import torch

from tests.kernels.triton.emulator import launch_ptx

SHARED = 4096
POISON = -1  # as an integer; NaN as any floating-point number


def ptx(body, pointers=1, numbers=0, threads=32, scratch=0):
    """A kernel with parameters p0, p1, ...: pointers, numbers, and more pointers.

    Before the body %rd1, %rd2, ... are the pointers, %r1 the thread and %rd0 = %rd1 + 4 %r1.
    """
    declared = [f".param .u64 .ptr .global .align 1 p{i}" for i in range(pointers)]
    declared += [f".param .u32 p{pointers + i}" for i in range(numbers)]
    declared += [f".param .u64 .ptr .global .align 1 s{i}" for i in range(scratch)]
    load = "\n".join(f"ld.param.b64 %rd{i + 1}, [p{i}];" for i in range(pointers))
    newline = "\n"
    return f"""
.version 8.7
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 global_smem[];
.visible .entry kernel(
{("," + newline).join(declared)}
)
.reqntid {threads}
{{
.reg .pred %p<9>;
.reg .b16 %rs<9>;
.reg .b32 %r<99>;
.reg .b64 %rd<99>;
{load}
mov.u32 %r1, %tid.x;
mad.wide.u32 %rd0, %r1, 4, %rd1;
{body.replace(";", ";" + newline)}
ret;
}}
"""


def run(body, *args, threads=32, **options):
    """Runs a body in one block; tensors come before numbers."""
    pointers = sum(isinstance(each, torch.Tensor) for each in args)
    text = ptx(body, pointers, len(args) - pointers, threads)
    launch_ptx(text, args, (1,), SHARED, **options)


def bits(*numbers):
    """int32 stays, float becomes its bits."""
    return [
        int(np.float32(x).view(np.int32)) if isinstance(x, float) else int(np.int64(x).astype("i4"))
        for x in numbers
    ]
