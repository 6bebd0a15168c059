"""Branches, and instructions that synchronise or exchange values between lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.kernels.triton.emulator.program import Instruction

if TYPE_CHECKING:
    from tests.kernels.triton.emulator.machine import Machine

WARP = 32


def branch(machine: Machine, instruction: Instruction) -> int:
    """Branch to a label."""
    label = instruction.operands[0]
    if label not in machine.program.labels:
        raise NotImplementedError(f"no label {label}")
    return machine.program.labels[label]


def leave(machine: Machine, instruction: Instruction) -> int:
    """End the lanes of the mask."""
    return machine.end


def barrier(machine: Machine, instruction: Instruction) -> None:
    """Barrier: all lanes of a block that have not exited must be here, else RuntimeError."""
    if instruction.operands != ("0",):
        raise NotImplementedError("another barrier than number 0")
    here = machine.mask.reshape(-1, machine.program.threads)
    there = (machine.counters < machine.end).reshape(here.shape) & ~here
    if (here.any(1) & there.any(1)).any():
        raise RuntimeError("lanes of a block miss the barrier")


def whole_warps(machine: Machine, members: str = "-1") -> None:
    """Raise RuntimeError if some lanes of a warp are inactive or not in the member mask."""
    if (machine.read(members, "s32")[machine.mask] != -1).any():
        raise RuntimeError("less than a warp is asked for")
    warps = machine.mask.reshape(-1, WARP)
    if (warps.any(1) & ~warps.all(1)).any():
        raise RuntimeError("lanes of a warp are missing")


def shuffle(machine: Machine, instruction: Instruction) -> None:
    """Each lane reads another lane, given by number or by the bits that differ (xor)."""
    target, source, other, limit, members = instruction.operands
    if limit != "31":
        raise NotImplementedError("shuffle within less than a warp")
    whole_warps(machine, members)
    own = np.arange(machine.mask.size)
    other = machine.read(other, "u32").astype(np.int64) % WARP
    within = own % WARP ^ other if ".bfly." in instruction.opcode else other
    values = machine.read(source, "b32")
    machine.write(target, "b32", values[own - own % WARP + within])


def reduce(machine: Machine, instruction: Instruction) -> None:
    """Each lane gets the sum, minimum or maximum of its warp."""
    target, source, members = instruction.operands
    whole_warps(machine, members)
    *_, name, kind = instruction.opcode.split(".")
    function = {"add": np.add, "min": np.minimum, "max": np.maximum}[name]
    values = machine.read(source, kind)
    results = function.reduce(values.reshape(-1, WARP), axis=1, dtype=values.dtype)
    machine.write(target, kind, np.repeat(results, WARP))


FORMS = {
    "(bra|bra.uni) label": branch,
    "(ret|exit)": leave,
    "bar.sync a": barrier,
    "shfl.sync.(bfly|idx).b32 d, a, b, c, members": shuffle,
    "redux.sync.(add|min|max).(u32|s32) d, a, members": reduce,
}
