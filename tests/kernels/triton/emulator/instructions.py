"""The table of every form of instruction that the emulator knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.kernels.triton.emulator import copies, tensor_cores, transfers, warps
from tests.kernels.triton.emulator.arithmetic import FUNCTIONS
from tests.kernels.triton.emulator.program import Instruction, parse_operands

if TYPE_CHECKING:
    from tests.kernels.triton.emulator.machine import Machine

# Carries the instruction out in the lanes of machine.mask. A branch returns where they go on.
Handler = Callable[["Machine", Instruction], "int | None"]


def handler_of(instruction: Instruction) -> Handler:
    """Raises NotImplementedError, naming the line, if this very form is not in the table."""
    try:
        return TABLE[instruction.shape]
    except KeyError:
        raise NotImplementedError(instruction.source) from None


def expand(form: str) -> list[str]:
    """A form with alternatives -> all that it stands for: "add.(u32|s32) d" -> two."""
    match = re.search(r"\(([^()]*)\)", form)
    if match is None:
        return [form]
    before, after = form[: match.start()], form[match.end() :]
    return [each for choice in match[1].split("|") for each in expand(before + choice + after)]


def _shape(form: str) -> str:
    opcode, _, operands = form.partition(" ")
    return Instruction(opcode, parse_operands(operands), None, False, form).shape


def _elementwise(form: str, function: Callable) -> tuple[str, Handler]:
    """Shape and handler of a form that computes a register from values lane by lane."""
    opcode, _, operands = form.partition(" ")
    names, kinds = [], []
    for operand in operands.split(", "):
        name, _, kind = operand.partition(":")
        names.append(name)
        kinds.append(kind or opcode.rpartition(".")[2])
    result, *sources = kinds

    def handler(machine: Machine, instruction: Instruction) -> None:
        target, *operands = instruction.operands
        values = map(machine.read, operands, sources)
        machine.write(target, result, function(*values))

    return _shape(f"{opcode} {', '.join(names)}"), handler


TABLE: dict[str, Handler] = {}
for _forms in (transfers.FORMS, copies.FORMS, warps.FORMS, tensor_cores.FORMS):
    TABLE |= {_shape(one): handler for form, handler in _forms.items() for one in expand(form)}
for _form, _function in FUNCTIONS.items():
    TABLE |= dict(_elementwise(one, _function) for one in expand(_form))
