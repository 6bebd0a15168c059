"""cp.async: asynchronous copies from global to shared memory, completed by a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.kernels.triton.emulator.memory import SharedMemory
from tests.kernels.triton.emulator.program import Instruction

if TYPE_CHECKING:
    from tests.kernels.triton.emulator.machine import Machine


class _Copy(NamedTuple):
    """The copies that one instruction has started in its lanes."""

    lanes: np.ndarray
    groups: np.ndarray  # which of its lane's groups each belongs to
    addresses: np.ndarray
    words: np.ndarray  # uint32 [lanes, words]


class Copies:
    """Unfinished copies. As on the hardware, each lane commits and waits for its copies only."""

    def __init__(self, lanes: int) -> None:
        self.committed = np.zeros(lanes, np.int64)
        self.pending: list[_Copy] = []

    def send(self, shared: SharedMemory, lanes, addresses, words) -> None:
        """Start a copy; the destination is poison until the copy has finished."""
        shared.store(lanes, addresses, np.full_like(words, 0xFFFFFFFF))
        self.pending.append(_Copy(lanes, self.committed[lanes], addresses, words))

    def wait(self, shared: SharedMemory, mask: np.ndarray, late: int) -> None:
        """Masked lanes wait for all their groups except the last `late` ones."""
        pending, self.pending = self.pending, []
        for copy in pending:
            done = mask[copy.lanes] & (copy.groups < self.committed[copy.lanes] - late)
            if done.any():
                shared.store(copy.lanes[done], copy.addresses[done], copy.words[done])
            if not done.all():
                self.pending.append(_Copy(*(field[~done] for field in copy)))


def send(machine: Machine, instruction: Instruction) -> None:
    """Copy 4, 8 or 16 bytes; with a fourth operand of 0, write zeros instead."""
    target, source, size, *used = instruction.operands
    lanes, size = machine.lanes, int(size, 0)
    if size != 16 and (size not in (4, 8) or ".cg." in instruction.opcode):
        raise NotImplementedError(f"copy of {size} bytes")
    words = np.zeros((len(lanes), size // 4), np.uint32)
    copied = np.full(len(lanes), True)
    if used:
        sizes = machine.read(used[0], "u32")[lanes]
        copied = sizes == size
        if (sizes[~copied] != 0).any():
            raise NotImplementedError("copy filled up with zeros")
    addresses = machine.addresses(source, "global")[copied]
    words[copied] = machine.memories["global"].load(lanes[copied], addresses, np.uint32, size // 4)
    targets = machine.addresses(target, "shared")
    machine.copies.send(machine.memories["shared"], lanes, targets, words)


def commit(machine: Machine, instruction: Instruction) -> None:
    """The lanes' copies since the last commit are a group."""
    machine.copies.committed[machine.mask] += 1


def wait(machine: Machine, instruction: Instruction) -> None:
    """Wait until at most the given number of groups is unfinished."""
    machine.copies.wait(machine.memories["shared"], machine.mask, int(instruction.operands[0], 0))


FORMS = {
    "cp.async.(ca|cg).shared.global [d], [a], size": send,
    "cp.async.(ca|cg).shared.global [d], [a], size, used": send,
    "cp.async.commit_group": commit,
    "cp.async.wait_group n": wait,
}
