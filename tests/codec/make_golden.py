"""Write the golden files of a model to tests/codec/golden/; see release.py."""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from stc import Codec

FOLDER = Path(__file__).parent / "golden"
SIZES = (32, 64, 128, 192, 384)


def tokens_digest(group: int, indices: np.ndarray) -> str:
    return hashlib.sha256(",".join(map(str, [group, *indices.tolist()])).encode()).hexdigest()


def write_golden(codec: Codec, canvas: np.ndarray, folder: Path) -> None:
    """Write the canvas at every size: the file and its tokens in JSON, the decoded pixels as PNG.

    Raises FileExistsError for a model that has golden files already.
    """
    files = [
        encoded.unwrap().data
        for size in SIZES
        for encoded in codec.encode_batch(canvas[None], max_bytes=size, effort=0)
    ]
    names = [f"{codec.model.name}-{size}" for size in SIZES]
    rows = [
        {"name": name, "file": data.hex(), "tokens": tokens_digest(*codec.read_tokens(data))}
        for name, data in zip(names, files, strict=True)
    ]
    folder.mkdir(exist_ok=True)
    with (folder / f"{codec.model.name}.json").open("x") as file:
        file.write(json.dumps(rows, indent=1) + "\n")
    for name, pixels in zip(names, codec.decode_batch(files), strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.png", optimize=True)
