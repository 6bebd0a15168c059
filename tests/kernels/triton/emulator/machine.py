"""Runs a program: the lanes of many blocks at once, divergent or not."""

from __future__ import annotations

import numpy as np

from tests.kernels.triton.emulator.copies import Copies
from tests.kernels.triton.emulator.instructions import Handler, handler_of
from tests.kernels.triton.emulator.memory import AccessError, GlobalMemory, SharedMemory
from tests.kernels.triton.emulator.program import Address, Instruction, Program
from tests.kernels.triton.emulator.registers import Registers

LANES = 1 << 14  # lanes of one machine, which keeps every register of every lane
STEPS = 1_000_000  # instructions after which a loop is considered endless


def run(
    program: Program,
    memory: GlobalMemory,
    arguments: list[int],
    grid: tuple[int, int, int],
    shared: int,
) -> None:
    """Run all blocks of a grid; arguments: of the program. shared: bytes per block."""
    handlers = [handler_of(instruction) for instruction in program.instructions]
    blocks = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), -1).reshape(-1, 3)
    count = max(1, LANES // program.threads)
    for start in range(0, len(blocks), count):
        machine = Machine(program, memory, arguments, grid, blocks[start : start + count], shared)
        machine.run(handlers)


class Machine:
    """The state of some blocks. Handlers of instructions act in the lanes of `mask`."""

    def __init__(
        self,
        program: Program,
        memory: GlobalMemory,
        arguments: list[int],
        grid: tuple[int, int, int],
        blocks: np.ndarray,  # [blocks, 3]: their places in the grid
        shared: int,
    ) -> None:
        block, thread = np.divmod(np.arange(len(blocks) * program.threads), program.threads)
        lanes = len(block)
        special = {f"%tid.{axis}": np.zeros(lanes) for axis in "xyz"} | {"%tid.x": thread}
        for number, axis in enumerate("xyz"):
            special[f"%ctaid.{axis}"] = blocks[block, number]
            special[f"%nctaid.{axis}"] = np.full(lanes, grid[number])
        if program.shared is not None:
            special[program.shared] = np.zeros(lanes)
        special = {name: values.astype(np.uint32) for name, values in special.items()}

        self.program = program
        self.parameters = {
            parameter.name: (parameter.width, argument)
            for parameter, argument in zip(program.parameters, arguments, strict=True)
        }
        private = SharedMemory(len(blocks), shared, block, memory.deterministic)
        self.memories = {"global": memory, "shared": private}
        self.registers = Registers(program.registers, special, lanes)
        self.copies = Copies(lanes)
        self.end = len(program.instructions)
        self.counters = np.zeros(lanes, np.int64)  # the next instruction of every lane
        self.mask = np.ones(lanes, bool)  # the lanes that carry out the present instruction

    @property
    def lanes(self) -> np.ndarray:
        """The numbers of the lanes in the mask."""
        return np.flatnonzero(self.mask)

    def read(self, operand: str, kind: str) -> np.ndarray:
        """A register or constant of all lanes as a PTX type."""
        return self.registers.read(operand, kind, self.mask)

    def write(self, register: str, kind: str, values: np.ndarray) -> None:
        """The masked lanes of values [lanes] go to a register."""
        self.registers.write(register, kind, values, self.mask)

    def addresses(self, address: Address, space: str) -> np.ndarray:
        """int64 [masked lanes]"""
        kind = "u64" if space == "global" else "u32"
        return self.read(address.base, kind)[self.lanes].astype(np.int64) + address.offset

    def run(self, handlers: list[Handler]) -> None:
        """Run until all lanes have exited.

        The lanes at the lowest instruction run first, up to the next other lane, so that divergent
        lanes join again.
        """
        steps = 0
        with np.errstate(all="ignore"):  # masked lanes compute too; their results are unused
            while (start := int(self.counters.min())) < self.end:
                behind = self.counters == start
                stop = int(self.counters.min(where=~behind, initial=self.end))
                steps += self._run_together(behind, start, stop, handlers)
                if steps > STEPS:
                    raise RuntimeError(f"no end after {STEPS} instructions")

    def _run_together(
        self, together: np.ndarray, start: int, stop: int, handlers: list[Handler]
    ) -> int:
        """Run lanes up to a branch or `stop`; return the number of instructions."""
        for number in range(start, stop):
            instruction = self.program.instructions[number]
            try:
                target = self._step(together, instruction, handlers[number])
            except (AccessError, RuntimeError) as error:
                raise type(error)(f"{error}, {instruction.source}") from error
            if target is not None:
                self.counters[together] = number + 1
                self.counters[self.mask] = target
                return number + 1 - start
        self.counters[together] = stop
        return stop - start

    def _step(self, together: np.ndarray, instruction: Instruction, handler: Handler) -> int | None:
        self.mask = together
        if instruction.guard is not None:
            self.mask = together & (self.read(instruction.guard, "pred") ^ instruction.negated)
        return handler(self, instruction) if self.mask.any() else None
