"""ESTIMATES of the search's speed on GPUs, from its code: python -m benchmarks.static_gpu

Nothing here is measured. For every chip and packaged kernel: registers, shared memory, blocks per
multiprocessor, arithmetic instructions per distance, and the rate at the lowest of three limits:
issuing the instructions of the loop (four per clock), tensor-core products (three of bfloat16 per
distance), and, for few images, streaming the codebook from memory. Real kernels are slower, since
they also wait.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tests.kernels.triton.inspection import Inspection, inspect
from tests.kernels.triton.shipped import SHIPPED, Shipped


@dataclass(frozen=True)
class Chip:
    """Published figures of a product of an architecture."""

    name: str
    multiprocessors: int
    clock: float  # GHz, boost
    tensor: float  # TFLOP/s, dense bfloat16 products summed in float32
    memory: float  # GB/s
    shared: int  # KiB of shared memory per multiprocessor
    warps: int  # maximum per multiprocessor


CHIPS = {
    80: Chip("A100 SXM 80 GB", 108, 1.41, 312, 2039, 164, 64),
    86: Chip("A10", 72, 1.70, 125, 600, 100, 48),
    89: Chip("L4", 58, 2.04, 121, 300, 100, 48),
    90: Chip("H100 SXM", 132, 1.83, 989, 3350, 228, 64),
    100: Chip("B200", 148, 1.85, 2250, 8000, 228, 64),
    120: Chip("RTX 5090", 170, 2.41, 210, 1792, 100, 48),
}
REGISTERS = 65536  # per multiprocessor
ISSUED = 128  # instructions of lanes per clock and multiprocessor
PRODUCTS = 3  # hi * hi, hi * lo, lo * hi


def blocks(found: Inspection, chip: Chip) -> int:
    """The number of blocks that fit on a multiprocessor together."""
    by_registers = REGISTERS // (-(-found.registers // 8) * 8 * found.threads)
    by_shared = 1024 * chip.shared // (found.shared + 1024)
    return min(by_registers, by_shared, 32 * chip.warps // found.threads)


def rates(shipped: Shipped, found: Inspection, chip: Chip) -> dict[str, float]:
    """The rate in 10^12 distances per second that each limit allows, by its name."""
    config = shipped.table
    turn = config.images * config.block / found.threads  # distances per thread and iteration
    cycles = sum(found.loop.values()) / turn / ISSUED
    limits = {
        "issue": chip.multiprocessors * chip.clock / cycles / 1e3,
        "tensor": chip.tensor / (2 * PRODUCTS * shipped.width),
    }
    if not shipped.many:  # one image: every codeword is read once, as two bfloat16, and its bias
        limits["memory"] = chip.memory / (4 * shipped.width + 4) / 1e3
        for name in ("issue", "tensor"):  # the rest of the tile is unused
            limits[name] /= config.images
    return limits


def main() -> None:
    """Print the table of estimates."""
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
