"""Parse PTX text: the instructions, labels, registers and parameters of its only kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


class Address(NamedTuple):
    """[base + offset]"""

    base: str  # a register, a parameter or the name of shared memory
    offset: int


# A register, number or name; several registers in braces; an address.
Operand = str | tuple[str, ...] | Address


@dataclass(frozen=True)
class Instruction:
    opcode: str  # with every modifier: "ld.global.v2.b32"
    operands: tuple[Operand, ...]
    guard: str | None  # the predicate register in front
    negated: bool  # whether it runs where the guard is false
    source: str  # "line 7: add.s32 ..."

    @property
    def shape(self) -> str:
        """The key in the table of instructions: the opcode and the kinds of the operands."""
        return f"{self.opcode} {' '.join(map(_kind, self.operands))}"


@dataclass(frozen=True)
class Parameter:
    name: str
    width: int  # in bits
    pointer: bool


@dataclass(frozen=True)
class Program:
    instructions: list[Instruction]
    labels: dict[str, int]  # -> index of the instruction that follows
    registers: dict[str, int]  # "%rd" -> bits of %rd0, %rd1, ...; predicates have 1
    parameters: list[Parameter]
    threads: int  # in a block
    shared: str | None  # the name of shared memory


KERNEL = re.compile(
    r"(?P<header>.*?)\.visible\s+\.entry\s+\w+\(\s*(?P<parameters>[^)]*)\)"
    r"\s*(?P<directives>[^{]*)\{(?P<body>.*?)\n\}(?P<rest>.*)",
    re.DOTALL,
)
HEADER = re.compile(r"\.(version|target|address_size)\s[^;]*")
SHARED = re.compile(r"\.extern\s+\.shared\s+\.align\s+\d+\s+\.b8\s+(\w+)\[\];")
PARAMETER = re.compile(r"\.param\s+\.[usb](32|64)(\s+\.ptr\s+\.global\s+\.align\s+\d+)?\s+(\w+)")
DIRECTIVES = re.compile(r"\.(?:reqntid|maxntid)\s+(\d+)(?:,\s*1)*")
REGISTERS = re.compile(r"\.reg\s+\.(pred|[busf](?:16|32|64))\s+(%[a-z]+)<\d+>")
LABEL = re.compile(r"([$\w]+):")
INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([a-z][\w.:]*)(?:\s+(.*))?")
PLAIN = re.compile(r"%?[$\w.]+|-\d+")
ADDRESS = re.compile(r"\[\s*(%?[$\w]+)\s*(?:\+\s*(-?\d+))?\s*\]")
COMMA = re.compile(r",\s*(?![^{\[]*[}\]])")  # outside braces and brackets


@lru_cache(maxsize=16)
def parse(ptx: str) -> Program:
    """Parse PTX text with exactly one kernel.

    Raises NotImplementedError, naming the line, for anything that is not understood.
    """
    text = "\n".join(line.partition("//")[0].strip() for line in ptx.splitlines())
    match = KERNEL.fullmatch(text)
    if match is None or ".entry" in match["rest"] or ".func" in match["rest"]:
        raise NotImplementedError("PTX that is not one kernel and nothing else")
    shared = None
    for line in filter(None, match["header"].splitlines()):
        if declared := SHARED.fullmatch(line):
            shared = declared[1]
        elif not HEADER.fullmatch(line):
            raise NotImplementedError(line)
    threads = DIRECTIVES.fullmatch(match["directives"].strip())
    if threads is None or int(threads[1]) % 32:
        raise NotImplementedError(f"a kernel with {match['directives']!r}: not whole warps")
    program = Program([], {}, {}, _parameters(match["parameters"]), int(threads[1]), shared)
    first = text[: match.start("body")].count("\n") + 1
    for number, line in enumerate(match["body"].splitlines(), first):
        *statements, rest = line.split(";")
        if label := LABEL.fullmatch(rest):
            program.labels[label[1]] = len(program.instructions)
        elif rest and not rest.startswith(".loc"):
            raise NotImplementedError(f"line {number}: {line}")
        for statement in statements:
            _read(statement.strip(), f"line {number}: {line}", program)
    return program


def _parameters(text: str) -> list[Parameter]:
    parameters = []
    for declaration in filter(None, (part.strip() for part in text.split(","))):
        match = PARAMETER.fullmatch(declaration)
        if match is None:
            raise NotImplementedError(declaration)
        parameters.append(Parameter(match[3], int(match[1]), match[2] is not None))
    return parameters


def _read(statement: str, source: str, program: Program) -> None:
    if match := REGISTERS.fullmatch(statement):
        program.registers[match[2]] = 1 if match[1] == "pred" else int(match[1][1:])
    elif match := INSTRUCTION.fullmatch(statement):
        negated, guard, opcode, rest = match.groups()
        # The shared memory of the block itself, which is what `shared` alone means.
        opcode = opcode.replace(".shared::cta", ".shared")
        try:
            operands = parse_operands(rest or "")
        except NotImplementedError as error:
            raise NotImplementedError(source) from error
        program.instructions.append(Instruction(opcode, operands, guard, negated == "!", source))
    elif not statement.startswith(".pragma"):
        raise NotImplementedError(source)


def parse_operands(text: str) -> tuple[Operand, ...]:
    """Parse operands separated by commas; braces around a single register are ignored."""
    return tuple(_operand(part.strip()) for part in COMMA.split(text)) if text else ()


def _operand(text: str) -> Operand:
    if PLAIN.fullmatch(text):
        return text
    if match := ADDRESS.fullmatch(text):
        return Address(match[1], int(match[2] or 0))
    parts = [part.strip() for part in text[1:-1].split(",")]
    if text[0] + text[-1] != "{}" or not all(map(PLAIN.fullmatch, parts)):
        raise NotImplementedError(text)
    return tuple(parts) if len(parts) > 1 else parts[0]


def _kind(operand: Operand) -> str:
    if isinstance(operand, Address):
        return "[]"
    return "r" if isinstance(operand, str) else f"{{{len(operand)}}}"
