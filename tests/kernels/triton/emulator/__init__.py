"""Runs the PTX that Triton compiles, on numpy: the compiled kernel is tested without a GPU.

    compiled = kernel.warmup(..., grid=(1,))
    launch(compiled, (tensor, other, 17), grid=(4, 3))  # results are in the tensors

It refuses every form of instruction that it does not know, so what runs is what PTX defines. What
is not defined shows: registers, shared memory and unfinished copies hold NaN, addresses outside
the arguments raise, and so do barriers, shuffles and tensor-core instructions that some lanes miss.
With deterministic=True lanes may not store different values at one address either.

It gives no time, and the lanes of a block run in step, so a missing barrier goes unnoticed. PTX is
not yet machine code: the assembler may fuse a mul and an add that do not say .rn.

program.py (text) -> machine.py (lanes, branches) -> instructions.py (the table of all forms):
arithmetic.py, conversion.py, transfers.py, copies.py, warps.py, tensor_cores.py.
registers.py and memory.py hold the data. launch.py is the door.
"""

from tests.kernels.triton.emulator.launch import launch, launch_ptx
from tests.kernels.triton.emulator.memory import AccessError

__all__ = ["AccessError", "launch", "launch_ptx"]
