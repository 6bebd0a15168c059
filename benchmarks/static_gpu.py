"""What the search should reach on GPUs, ESTIMATED from its code: python -m benchmarks.static_gpu

Nothing here was measured. For every chip and kernel that ships: registers, shared memory, blocks a
multiprocessor can hold, arithmetic instructions a distance, and the rate that the tightest of three
limits allows: issuing the loop's instructions (four a clock), tensor-core products (three of
bfloat16 a distance), and for few images the memory that the codebook streams from. Real kernels
wait for each other; expect less.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tests.kernels.triton.inspection import Inspection, inspect
from tests.kernels.triton.shipped import SHIPPED, Shipped


@dataclass(frozen=True)
class Chip:
    """Published figures of one product of an architecture."""

    name: str
    multiprocessors: int
    clock: float  # GHz, boost
    tensor: float  # TFLOP/s, dense bfloat16 products summed in float32
    memory: float  # GB/s
    shared: int  # KiB of shared memory a multiprocessor
    warps: int  # a multiprocessor can hold


CHIPS = {
    80: Chip("A100 SXM 80 GB", 108, 1.41, 312, 2039, 164, 64),
    86: Chip("A10", 72, 1.70, 125, 600, 100, 48),
    89: Chip("L4", 58, 2.04, 121, 300, 100, 48),
    90: Chip("H100 SXM", 132, 1.83, 989, 3350, 228, 64),
    100: Chip("B200", 148, 1.85, 2250, 8000, 228, 64),
    120: Chip("RTX 5090", 170, 2.41, 210, 1792, 100, 48),
}
REGISTERS = 65536  # a multiprocessor
ISSUED = 128  # lanes' instructions a clock and multiprocessor
PRODUCTS = 3  # hi * hi, hi * lo, lo * hi


def blocks(found: Inspection, chip: Chip) -> int:
    """How many fit on a multiprocessor together."""
    by_registers = REGISTERS // (-(-found.registers // 8) * 8 * found.threads)
    by_shared = 1024 * chip.shared // (found.shared + 1024)
    return min(by_registers, by_shared, 32 * chip.warps // found.threads)


def rates(shipped: Shipped, found: Inspection, chip: Chip) -> dict[str, float]:
    """Distances a second, in 10^12, that each limit alone would allow."""
    config = shipped.table
    turn = config.images * config.block / found.threads  # distances a thread and turn of the loop
    cycles = sum(found.loop.values()) / turn / ISSUED
    limits = {
        "issue": chip.multiprocessors * chip.clock / cycles / 1e3,
        "tensor": chip.tensor / (2 * PRODUCTS * shipped.width),
    }
    if not shipped.many:  # one image: every codeword is read, in two bfloat16 and its bias, once
        limits["memory"] = chip.memory / (4 * shipped.width + 4) / 1e3
        for name in ("issue", "tensor"):  # and the rest of the tile is idle work
            limits[name] /= config.images
    return limits


def main() -> None:
    print("ESTIMATES from compiled code and data sheets; nothing was run on a GPU.\n")
    print(
        f"{'chip':16}{'kernel':24}{'registers':>10}{'shared':>8}{'blocks':>7}"
        f"{'instr/dist':>11}{'Tdist/s, at most':>18}  limit"
    )
    for shipped in SHIPPED:
        if shipped.given:
            continue
        chip = CHIPS[shipped.chip]
        found = inspect(shipped.launch().compiled)
        config = shipped.table
        turn = config.images * config.block / found.threads
        limit, rate = min(rates(shipped, found, chip).items(), key=lambda item: item[1])
        images = "many images" if shipped.many else "one image"
        print(
            f"{chip.name:16}{f'D <= {shipped.width}, {images}':24}{found.registers:10}"
            f"{found.shared:8}{blocks(found, chip):7}{found.arithmetic / turn:11.2f}"
            f"{rate:18.3f}  {limit}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
