"""Launch configurations, in a table: autotuning would compile at run time and cannot be tested."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Config:
    """Sizes of one compiled kernel."""

    images: int  # in a tile; 64 or more, what the tensor cores of every chip since sm_90 want
    block: int  # codewords at a time
    warps: int
    stages: int  # of the software pipeline that loads codewords
    together: int = 2  # neighbouring codewords whose scores one thread holds


# By padded dimensions. Few images: only the codebook's bytes matter, so tiles are small and much
# is in flight. Many: a tile large enough to reuse every codeword that it loads.
FEW = {16: Config(64, 128, 4, 3), 32: Config(64, 64, 4, 3), 64: Config(64, 32, 4, 3)}
MANY = {16: Config(128, 64, 4, 3), 32: Config(128, 64, 8, 3), 64: Config(128, 32, 8, 2)}
THRESHOLD = 100  # images that search one group


def config_for(width: int, images: int, chip: int) -> Config:
    """For padded dimensions 16, 32 or 64, so many images a group and compute capability * 10."""
    config = (FEW if images < THRESHOLD else MANY)[width]
    # Tensor memory, from sm_100 on but not in sm_120, hands a thread whole rows of scores.
    return replace(config, together=4) if 100 <= chip < 120 else config
