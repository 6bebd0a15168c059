"""A face there and back, by the package that is installed: python .ci/smoke.py

Needs no more than the package; says what computes.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "tests" / "assets" / "astronaut.png"


def main() -> int:
    os.chdir(tempfile.gettempdir())  # away from a package that lies beside this file
    import numpy as np
    from PIL import Image

    import stc

    data = stc.encode(PICTURE, max_bytes=192)
    once, again = stc.decode(data, size=128), stc.decode(data, size=128)
    assert len(data) <= 192, len(data)
    assert once.size == (128, 128), once.size
    assert np.array_equal(once, again)
    finer = stc.decode(stc.encode(PICTURE, max_bytes=384), size=128)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "face.png")
        finer.save(path)
        aligned = stc.encode(path, max_bytes=192, align="never")
    drawn = np.asarray(stc.decode(aligned, size=128), float)
    error = np.mean((drawn - np.asarray(finer, float)) ** 2)
    assert error < 255**2 / 10**1.9, error  # 19 dB
    with Image.open(PICTURE) as picture:
        assert stc.info(stc.encode(picture)).tokens > 0
    return subprocess.call([sys.executable, "-m", "stc.cli.main", "info", "--backends"])


if __name__ == "__main__":
    sys.exit(main())
