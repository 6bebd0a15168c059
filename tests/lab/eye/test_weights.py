"""The shipped eye does what `stc.lab.eye.graph` says of it."""

from __future__ import annotations

import onnxruntime

from stc.codec.eye import WEIGHTS


def test_the_file_is_small_and_has_the_stated_inputs_and_outputs() -> None:
    assert WEIGHTS.stat().st_size <= 2_000_000
    session = onnxruntime.InferenceSession(WEIGHTS, providers=["CPUExecutionProvider"])
    given = {one.name: (one.type, one.shape) for one in session.get_inputs()}
    found = {one.name: (one.type, one.shape) for one in session.get_outputs()}
    embedding, features = (given[name][1][1] for name in ("embedding", "features"))
    assert features < 150_000
    assert given == {
        "canvas": ("tensor(uint8)", ["B", 128, 128, 3]),
        "embedding": ("tensor(float)", ["B", embedding]),
        "features": ("tensor(float)", ["B", features]),
        "perception": ("tensor(float)", [1]),
    }
    assert found == {
        "loss": ("tensor(float)", ["B"]),
        "gradient": ("tensor(float)", ["B", 6144]),
        "own_embedding": ("tensor(float)", ["B", embedding]),
        "own_features": ("tensor(float)", ["B", features]),
    }
