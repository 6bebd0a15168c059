"""The resources that a compiled kernel needs, read from its machine code by NVIDIA's tools."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import triton.backends.nvidia

TOOLS = Path(triton.backends.nvidia.__file__).parent / "bin"

# Not arithmetic: memory, tensor cores, control flow, waiting.
OTHER = re.compile(
    r"(LD|ST|ATOM|RED|CCTL|UTMA|UBLK)|.*MMA|(BRA|BRX|JMP|EXIT|RET|CALL|BSSY|BSYNC|BREAK|NOP|BAR|SYNC|"
    r"WARP|DEPBAR|MEMBAR|FENCE|YIELD|NANOSLEEP|ELECT|ERRBAR|UTC|SYNCS|ACQ|ARRIVES)"
)
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*)")


@dataclass(frozen=True)
class Inspection:
    """Registers, shared memory and instructions of one compiled kernel."""

    registers: int  # a thread
    shared: int  # bytes a block
    threads: int  # a block
    code: list[tuple[str, str, str]]  # label or "", operation, operands

    @cached_property
    def loop(self) -> Counter[str]:
        """Operations of the hot loop: the shortest way back past tensor-core work."""
        labels = {label: i for i, (label, _, _) in enumerate(self.code) if label}
        bodies = []
        for end, (_, operation, operands) in enumerate(self.code):
            target = re.search(r"\.L_x_\d+", operands)
            if not operation.startswith("BRA") or not target:
                continue
            start = labels.get(target.group(), end + 1)
            body = [op.split(".")[0] for _, op, _ in self.code[start : end + 1] if op]
            if any("MMA" in op for op in body):
                bodies.append(body)
        return Counter(min(bodies, key=len)) if bodies else Counter()

    @property
    def spills(self) -> int:
        """Loads and stores of local memory."""
        return sum(op.startswith(("LDL", "STL")) for _, op, _ in self.code)

    @property
    def tensor_core(self) -> set[str]:
        """The kinds of tensor-core instructions in the hot loop."""
        return {op for op in self.loop if "MMA" in op}

    @property
    def arithmetic(self) -> int:
        """Instructions of the hot loop that are neither memory, tensor cores nor control flow.

        Those of the uniform datapath are included: they take an issue slot too.
        """
        return sum(n for op, n in self.loop.items() if not OTHER.match(op))


def inspect(compiled: Any) -> Inspection:
    """Of what triton.compile returned for an NVIDIA chip."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        usage = _tool("cuobjdump", "--dump-resource-usage", file.name)
        listing = _tool("nvdisasm", "-c", file.name)
    found = re.search(r"REG:(\d+)", usage)
    if not found:
        raise ValueError(f"cuobjdump names no registers:\n{usage}")
    code: list[tuple[str, str, str]] = []
    for line in listing.splitlines():
        if label := re.match(r"^(\.L_x_\d+):", line):
            code.append((label.group(1), "", ""))
        elif instruction := INSTRUCTION.match(line):
            code.append(("", *instruction.groups()))
    threads = 32 * compiled.metadata.num_warps
    return Inspection(int(found.group(1)), compiled.metadata.shared, threads, code)


def _tool(name: str, *arguments: str) -> str:
    command = [str(TOOLS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
