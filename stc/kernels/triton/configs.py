"""A table of launch configurations: autotuning would compile at run time and cannot be tested."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Config:
    """The sizes of one compiled kernel."""

    images: int  # in a tile; at least 64, as tensor cores since sm_90 need for full speed
    block: int  # codewords per iteration
    warps: int
    stages: int  # stages of the software pipeline that loads codewords
    together: int = 2  # number of neighbouring codewords whose scores one thread holds


# By padded dimensions. FEW images: loading the codebooks limits the speed, so tiles are small and
# many loads are in flight. MANY images: large tiles reuse each codeword that they load.
FEW = {16: Config(64, 128, 4, 3), 32: Config(64, 64, 4, 3), 64: Config(64, 32, 4, 3)}
MANY = {16: Config(128, 64, 4, 3), 32: Config(128, 64, 8, 3), 64: Config(128, 32, 8, 2)}
THRESHOLD = 100  # images per group, from which MANY is used


def config_for(width: int, images: int, chip: int) -> Config:
    """Return the configuration of a launch.

    width: padded dimensions, 16, 32 or 64. images: number per group. chip: compute capability * 10.
    """
    config = (FEW if images < THRESHOLD else MANY)[width]
    # With the tensor memory of sm_100, which sm_120 lacks, a thread gets whole rows of scores.
    return replace(config, together=4) if 100 <= chip < 120 else config
