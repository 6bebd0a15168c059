"""The header of a model file: safetensors' header, names, shapes, digests, fingerprint."""

from __future__ import annotations

import json
import random
from typing import Any

from fuzz import scratch
from fuzz.target import Target
from stc.bitstream.identity import ArrayIdentity, fingerprint
from stc.codec.model_file import open_model
from stc.errors import ModelError

_TEXT = {
    "groups.counts": ("U32", [2]),
    "mean": ("F16", [6144]),
    "basis": ("I8", [6144, 3]),
    "basis.scale": ("F16", [3]),
    "config": ("U8", [9]),
    "levels.0.counts": ("U16", [2, 1, 4]),
    "levels.0.widths": ("U8", [1]),
    "levels.0.codebooks": ("I8", [2, 4, 3]),
    "levels.0.codebooks.scale": ("F16", [3]),
    "levels.0.synthesis": ("I8", [3, 3]),
    "levels.0.synthesis.scale": ("F16", [3]),
    "decoder.embed.0.weight": ("I8", [3, 4]),
}
_SIZES = {"I8": 1, "U8": 1, "F16": 2, "U16": 2, "F32": 4, "I32": 4, "U32": 4}


def answer(data: bytes) -> Any:
    """Name, fingerprint and arrays; zeros replace missing bytes of the last arrays."""
    length = int.from_bytes(data[:8], "little")
    path = scratch.file(data + bytes(missing(data[8 : 8 + length], len(data) - 8 - length)), "m.x")
    model = open_model(path)
    return model.name, model.fingerprint, model.identity, sorted(model.entries), model.level_sizes


def repair(data: bytes, draw: random.Random) -> bytes:
    """Correct the length of the header, and set placeholder digests and their fingerprint."""
    text = data[8:]
    try:
        header = json.loads(text)
        about = header.pop("__metadata__")
        place = 0
        for entry in header.values():
            size = _SIZES[entry["dtype"]]
            for side in entry["shape"]:
                size *= side
            entry["data_offsets"] = [place, place + size]
            place += size
        digests = dict.fromkeys(header, "0" * 64)
        about["digests"] = json.dumps(digests)
        about["fingerprint"] = fingerprint(
            {
                name: ArrayIdentity(entry["dtype"], tuple(entry["shape"]), digests[name])
                for name, entry in header.items()
                if not name.startswith("encoder.")
            }
        )
        text = json.dumps({"__metadata__": about, **header}).encode()
    except Exception:  # noqa: S110 - not such a JSON: only the length is corrected
        pass
    return len(text).to_bytes(8, "little") + text


def seeds() -> dict[str, bytes]:
    """Headers of models with one residual stage, and invalid headers."""
    arrays = {name: {"dtype": kind, "shape": shape} for name, (kind, shape) in _TEXT.items()}
    packed = {
        **{name: own for name, own in arrays.items() if not name.startswith("basis")},
        "basis.codes": {"dtype": "U8", "shape": [3072, 2]},
        "basis.curve": {"dtype": "I8", "shape": [16]},
        "basis.tops": {"dtype": "U8", "shape": [3072]},
        "basis.scale": {"dtype": "F16", "shape": [4]},
        "basis.first": {"dtype": "I8", "shape": [3072, 1]},
        "basis.mirror": {"dtype": "I8", "shape": [4]},
        "encoder.levels.0.price": {"dtype": "F32", "shape": [1]},
    }
    draw = random.Random(0)  # noqa: S311
    made = {}
    for name, header in {"plain": arrays, "packed": packed}.items():
        whole = {"__metadata__": {"name": "seed"}, **header}
        made[name] = repair(bytes(8) + json.dumps(whole).encode(), draw)
    return {**made, "empty": b"", "no-json": b"\x02" + bytes(7) + b"{]", "long": b"\xff" * 8}


def missing(text: bytes, there: int) -> int:
    """The number of bytes that a header's arrays need beyond `there`, at most 2^20."""
    try:
        ends: list[int] = [
            e["data_offsets"][1] for n, e in json.loads(text).items() if n != "__metadata__"
        ]
        return min(max(0, int(max(ends)) - there), 1 << 20)  # int: 1.5 is JSON too
    except Exception:  # the parser under test has to detect this
        return 0


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(ModelError,),
    parsers=("stc.tensor_file", "stc.codec.shapes"),
    repair=repair,
    max_len=4096,
)
