"""ldmatrix and mma.sync: matrices whose numbers are spread over the lanes of a warp.

Lane l holds row or column l / 4, and there the pairs (or, of tf32, the numbers) l % 4 and on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.kernels.triton.emulator.conversion import from_bfloat16
from tests.kernels.triton.emulator.program import Instruction
from tests.kernels.triton.emulator.transfers import registers_of
from tests.kernels.triton.emulator.warps import WARP, whole_warps

if TYPE_CHECKING:
    from tests.kernels.triton.emulator.machine import Machine

FOURTH, QUARTER = np.divmod(np.arange(WARP), 4)


def load_matrices(machine: Machine, instruction: Instruction) -> None:
    """8 x 8 matrices of 16 bits. Lanes 0..7 name the rows of the first, 8..15 of the second ..."""
    whole_warps(machine)
    targets = registers_of(instruction.operands[0])
    warps = machine.lanes.reshape(-1, WARP)
    addresses = machine.addresses(instruction.operands[1], "shared").reshape(-1, WARP)
    for number, register in enumerate(targets):
        row = slice(8 * number, 8 * number + 8)
        matrices = machine.memories["shared"].load(
            warps[:, row].ravel(), addresses[:, row].ravel(), np.uint16, 8
        )
        matrices = matrices.reshape(-1, 8, 8)
        if ".trans." in instruction.opcode:
            matrices = matrices.swapaxes(1, 2)
        pairs = np.ascontiguousarray(matrices).view(np.uint32)  # [warps, 8, 4]
        values = np.zeros(machine.mask.size, np.uint32)
        values[machine.lanes] = pairs.ravel()  # lane l has pair l: row l / 4, column l % 4
        machine.write(register, "b32", values)


def _halves(bits: np.ndarray) -> np.ndarray:
    return bits[..., None].view(np.uint16)


# Bits uint32 [...] -> float32 [..., numbers in a register]
NUMBERS = {
    "bf16": lambda bits: from_bfloat16(_halves(bits)),
    "f16": lambda bits: _halves(bits).view(np.float16).astype(np.float32),
    # The tensor cores do not look at the other 13 bits.
    "tf32": lambda bits: (bits & np.uint32(0xFFFFE000)).view(np.float32)[..., None],
}


def multiply(machine: Machine, instruction: Instruction) -> None:
    """D = A B + C with A [16, k], B [k, 8], C and D [16, 8] in float32.

    Products and sums are float64, rounded once. Hardware truncates in another, undocumented order,
    so its results differ in the last bits.
    """
    whole_warps(machine)
    targets, a, b, c = instruction.operands
    numbers = NUMBERS[instruction.opcode.split(".")[-2]]

    def read(register: str) -> np.ndarray:
        return machine.read(register, "b32").reshape(-1, WARP)

    each = numbers(read(a[0])).shape[2]  # numbers in a register
    warps = machine.mask.size // WARP
    left = np.zeros((warps, 16, 8 * each))
    right = np.zeros((warps, 8 * each, 8))
    total = np.zeros((warps, 16, 8))
    for number, register in enumerate(a):
        lower, later = number % 2, number // 2
        values = numbers(read(register))
        for i in range(each):
            left[:, FOURTH + 8 * lower, each * (QUARTER + 4 * later) + i] = values[..., i]
    for number, register in enumerate(b):
        values = numbers(read(register))
        for i in range(each):
            right[:, each * (QUARTER + 4 * number) + i, FOURTH] = values[..., i]
    places = [(FOURTH + 8 * (i // 2), 2 * QUARTER + i % 2) for i in range(4)]
    for register, (row, column) in zip(c, places, strict=True):
        total[:, row, column] = read(register).view(np.float32)
    total = (left @ right + total).astype(np.float32)
    for register, (row, column) in zip(targets, places, strict=True):
        machine.write(register, "f32", total[:, row, column].ravel())


_FRAGMENTS = "{d,d,d,d}, {a,a,a,a}, {b,b}, {c,c,c,c}"

FORMS = {
    "ldmatrix.sync.aligned.m8n8.x1(|.trans).shared.b16 d, [a]": load_matrices,
    "ldmatrix.sync.aligned.m8n8.x2(|.trans).shared.b16 {d,d}, [a]": load_matrices,
    "ldmatrix.sync.aligned.m8n8.x4(|.trans).shared.b16 {d,d,d,d}, [a]": load_matrices,
    f"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {_FRAGMENTS}": multiply,
    f"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {_FRAGMENTS}": multiply,
    f"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {_FRAGMENTS}": multiply,
}
