"""The run of the level-ordered tokeniser: from the shipped model to a model file in one step."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stc.codec.torch.canvas import PLANES, to_planes
from stc.codec.codec import Codec
from stc.errors import StcError
from stc.lab.training import levels
from stc.lab.training.config import parse
from stc.lab.training.data import to_tensors
from stc.lab.training.run import RunFolder
from tests.stand_ins import FlatLpips, FlatRecogniser


@pytest.fixture
def sources(faces, monkeypatch):
    """Four faces that a camera saw whole, and stand-ins for the networks."""
    pixels = faces[1::2][:4].copy()
    filled = to_planes(to_tensors(pixels)[0])
    assert filled.shape == (4, PLANES)
    monkeypatch.setattr(levels, "fill", lambda _: (filled, torch.ones(4, dtype=torch.bool)))
    return SimpleNamespace(
        recogniser=FlatRecogniser(),
        lpips=FlatLpips(),
        faces=lambda _: pixels,
        repeats=lambda often, number: np.ones(number, np.int64),
    )


def plan(steps):
    values = {"about": "x", "family": "levels", "start": "stc-face-1"}
    small = {"batch": 2, "save_every": 1, "sheet_every": 9, "held_out": 4, "frozen": 0}
    return parse({**values, "decoder": {"steps": steps, **small}}, "x")


def test_from_a_shipped_model_to_a_model_file(sources, faces, tmp_path):
    words = {"name": "test", "output": tmp_path / "test.safetensors"}
    with pytest.raises(StcError, match="stage start comes first"):
        levels.train_levels(plan(1), sources, tmp_path, **words, only="decoder")
    levels.train_levels(plan(1), sources, tmp_path, **words, only="start")
    with pytest.raises(StcError, match="stage decoder comes first and has made 0 of 1 steps"):
        levels.train_levels(plan(1), sources, tmp_path, **words, only="export")
    levels.train_levels(plan(1), sources, tmp_path, **words)
    codec = Codec(words["output"])
    assert codec.model.name == "test"
    (data,) = codec.encode_canvases(faces[1:2, ..., :3], max_bytes=64)
    assert len(data) <= 64
    assert codec.decode_canvases([data]).shape == (1, 128, 128, 3)


def test_networks_and_the_fit_are_missed_by_name(sources, tmp_path):
    words = {"name": "test", "output": tmp_path / "x"}
    bare = SimpleNamespace(recogniser=None, lpips=None)
    with pytest.raises(StcError, match="needs --recogniser FILE and --lpips FILE"):
        levels.train_levels(plan(1), bare, tmp_path, **words)
    with pytest.raises(StcError, match="there are start, decoder, export"):
        levels.train_levels(plan(1), sources, tmp_path, **words, only="fit")
    with pytest.raises(StcError, match=r"stage fit comes first; fit\.pt is missing"):
        levels.load_fit(RunFolder(tmp_path, plan(1)))
