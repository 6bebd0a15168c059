"""Head files for protected templates: `load_head` and `load_mean`."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from fuzz import scratch
from fuzz.target import Target
from fuzz.targets.model_header import missing
from stc.errors import ModelError
from stc.protection.head_file import load_head, load_mean, save_head
from stc.protection.heads import Head, shapes

_MAP, _SIZE = (2, 1, 2), 2


def answer(data: bytes) -> Any:
    """The arrays and the mean of a head; zeros replace missing bytes of the last arrays."""
    length = int.from_bytes(data[:8], "little")
    rest = missing(data[8 : 8 + length], len(data) - 8 - length)
    path = scratch.file(data + bytes(rest), "head.safetensors")
    head = load_head(path, "fuzz")
    values = {name: own.tobytes() for name, own in head.arrays.items()}
    return head.shape, values, load_mean(path).tobytes()


def repair(data: bytes, draw: random.Random) -> bytes:
    """Correct the length of the header and the offsets of the arrays."""
    end = data.rfind(b"}") + 1
    text, rest = data[8:end], data[end:]
    try:
        header = json.loads(text)
        place = 0
        for name, entry in header.items():
            if name != "__metadata__":
                size = {"F16": 2, "F32": 4}.get(entry["dtype"], 1)
                for side in entry["shape"]:
                    size *= side
                entry["data_offsets"] = [place, place + size]
                place += size
        text = json.dumps(header).encode()
        rest = rest[:place]
    except Exception:  # noqa: S110 - not such a JSON: only the length is corrected
        pass
    return len(text).to_bytes(8, "little") + text + rest


def seeds() -> dict[str, bytes]:
    """The header of a head with the smallest map, and an empty file."""
    arrays = {
        name: np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
        for name, shape in shapes(_MAP, _SIZE).items()
    }
    path = scratch.folder() / "seed.safetensors"
    save_head(path, Head(_MAP, arrays), "fuzz", np.zeros(4, np.float32), {})
    data = path.read_bytes()
    return {"head": data[: 8 + int.from_bytes(data[:8], "little")].rstrip(b" "), "empty": b""}


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(ModelError,),
    parsers=("stc.protection.head_file", "stc.tensor_file"),
    repair=repair,
    max_len=4096,
)
