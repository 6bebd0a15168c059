"""Loads, stores, and moves that combine or split registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.kernels.triton.emulator.program import Instruction
from tests.kernels.triton.emulator.registers import BITS, TYPES

if TYPE_CHECKING:
    from tests.kernels.triton.emulator.machine import Machine


def registers_of(operand: str | tuple[str, ...]) -> tuple[str, ...]:
    """The registers in braces, or the single register, as a tuple."""
    return (operand,) if isinstance(operand, str) else operand


def load(machine: Machine, instruction: Instruction) -> None:
    """Load numbers; narrow ones are extended to the register, with their sign if signed."""
    target, address = instruction.operands
    _, space, *_, kind = instruction.opcode.split(".")
    targets, lanes = registers_of(target), machine.lanes
    addresses = machine.addresses(address, space)
    values = machine.memories[space].load(lanes, addresses, TYPES[kind], len(targets))
    for register, column in zip(targets, values.T, strict=True):
        _widen(machine, register, column)


def store(machine: Machine, instruction: Instruction) -> None:
    """Store numbers: the low part of registers that are wider."""
    address, source = instruction.operands
    _, space, *_, kind = instruction.opcode.split(".")
    dtype, lanes = BITS[8 * TYPES[kind].itemsize], machine.lanes
    columns = []
    for operand in registers_of(source):
        wide = operand.startswith("%") and machine.registers.width(operand) > 8 * dtype.itemsize
        bits = machine.registers.bits(operand) if wide else machine.read(operand, kind).view(dtype)
        columns.append(bits[lanes].astype(dtype))
    addresses = machine.addresses(address, space)
    machine.memories[space].store(lanes, addresses, np.stack(columns, 1))


def load_parameter(machine: Machine, instruction: Instruction) -> None:
    """Load a parameter, which is the same in all lanes."""
    target, address = instruction.operands
    kind = instruction.opcode.rpartition(".")[2]
    width, value = machine.parameters[address.base]
    if address.offset or width != 8 * TYPES[kind].itemsize:
        raise NotImplementedError("part of a parameter")
    values = np.full(len(machine.lanes), value % (1 << width), BITS[width])
    _widen(machine, target, values.view(TYPES[kind]))


def _widen(machine: Machine, register: str, values: np.ndarray) -> None:
    """Write values of the active lanes to a register of at least their width."""
    width = machine.registers.width(register)
    if width < 8 * values.dtype.itemsize:
        raise NotImplementedError(f"{values.dtype} to {register}")
    whole = np.zeros(machine.mask.size, BITS[width])
    if values.dtype.kind != "f":
        whole[machine.lanes] = values.astype(BITS[width])
    else:
        whole[machine.lanes] = values.view(BITS[8 * values.dtype.itemsize])
    machine.write(register, f"b{width}", whole)


def pack(machine: Machine, instruction: Instruction) -> None:
    """Combine two halves, the low one first, into a register."""
    target, (low, high) = instruction.operands
    whole = int(instruction.opcode.rpartition(".")[2][1:])
    half, dtype = f"b{whole // 2}", BITS[whole]
    low, high = machine.read(low, half).astype(dtype), machine.read(high, half).astype(dtype)
    machine.write(target, f"b{whole}", high << dtype.type(whole // 2) | low)


def unpack(machine: Machine, instruction: Instruction) -> None:
    """Split a register: the low half goes to the first target."""
    (low, high), source = instruction.operands
    whole = int(instruction.opcode.rpartition(".")[2][1:])
    half, dtype = f"b{whole // 2}", BITS[whole]
    value = machine.read(source, f"b{whole}")
    machine.write(low, half, value.astype(BITS[whole // 2]))
    machine.write(high, half, (value >> dtype.type(whole // 2)).astype(BITS[whole // 2]))


_ANY = "(b8|u8|s8|b16|u16|s16|b32|u32|s32|f32|b64|u64|s64)"
_QUARTERS = "(b8|u8|s8|b16|u16|s16|b32|u32|s32|f32)"
_SPACE = "(global|shared)"

FORMS = {
    f"ld.{_SPACE}.{_ANY} d, [a]": load,
    f"ld.{_SPACE}.v2.{_ANY} {{d,d}}, [a]": load,
    f"ld.{_SPACE}.v4.{_QUARTERS} {{d,d,d,d}}, [a]": load,
    f"st.{_SPACE}.{_ANY} [a], b": store,
    f"st.{_SPACE}.v2.{_ANY} [a], {{b,b}}": store,
    f"st.{_SPACE}.v4.{_QUARTERS} [a], {{b,b,b,b}}": store,
    "ld.param.(b32|u32|s32|b64|u64|s64) d, [a]": load_parameter,
    "mov.(b32|b64) d, {a,b}": pack,
    "mov.(b32|b64) {d,e}, a": unpack,
}
