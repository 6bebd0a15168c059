"""The seed inputs of every target as files: python -m fuzz.corpus writes fuzz/corpus/.

They are made of random tokens, random weights and gradients, and show no real faces.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from fuzz.targets import NAMES, load

FOLDER = Path(__file__).parent / "corpus"


def write(folder: Path = FOLDER) -> None:
    """Write the seeds of all targets into a folder per target, replacing its contents."""
    for name in NAMES:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        for seed, data in load(name).seeds().items():
            (folder / name / seed).write_bytes(data)


if __name__ == "__main__":
    write()
