"""Writes tests/codec/golden/: files of the shipped model, their tokens and pixels.

Run by hand when a model is released: python -m tests.codec.make_golden. A released model's files
decode for ever, so files of earlier models stay.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from stc import Codec, bitstream
from stc.imaging import frame

FOLDER = Path(__file__).parent / "golden"
SIZES = (32, 64, 128, 192, 384)


def tokens_digest(group: int, indices: np.ndarray) -> str:
    return hashlib.sha256(",".join(map(str, [group, *indices.tolist()])).encode()).hexdigest()


def main() -> None:
    codec = Codec()
    canvas = frame("tests/assets/astronaut.png")
    FOLDER.mkdir(exist_ok=True)
    rows = []
    for size in SIZES:
        (data,) = codec.encode_canvases(canvas[None], max_bytes=size)
        name = f"{codec.model.name}-{size}"
        codec.decode(data).save(FOLDER / f"{name}.png", optimize=True)
        tokens = tokens_digest(*bitstream.unpack(data, codec.tables))
        rows.append({"name": name, "file": data.hex(), "tokens": tokens})
    (FOLDER / f"{codec.model.name}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
