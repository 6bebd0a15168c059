"""An emulator in numpy of the PTX that Triton generates, to test compiled kernels without a GPU.

    compiled = kernel.warmup(..., grid=(1,))
    launch(compiled, (tensor, other, 17), grid=(4, 3))  # results are in the tensors

Unknown forms of instructions raise NotImplementedError. Undefined behaviour is detected: unwritten
registers, shared memory and unfinished copies hold NaN; addresses outside the arguments raise, and
so do barriers, shuffles and tensor-core instructions that some lanes miss. With deterministic=True
lanes must not store different values at one address.

It does not measure time. The lanes of a block run in lockstep, so a missing barrier is not
detected. PTX is not machine code: the assembler may fuse a mul and an add without .rn.

program.py (text) -> machine.py (lanes, branches) -> instructions.py (the table of all forms):
arithmetic.py, conversion.py, transfers.py, copies.py, warps.py, tensor_cores.py.
registers.py and memory.py hold the data. launch.py has the public functions.
"""

from tests.kernels.triton.emulator.launch import launch, launch_ptx
from tests.kernels.triton.emulator.memory import AccessError

__all__ = ["AccessError", "launch", "launch_ptx"]
