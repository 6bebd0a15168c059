"""The run of the level-ordered tokeniser: from faces to a model file in one step of each stage."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stc.codec.codec import Codec
from stc.codec.model_file import open_model
from stc.codec.torch.canvas import to_planes
from stc.codec.torch.load import load_modules
from stc.errors import StcError
from stc.lab.training import levels
from stc.lab.training.config import parse
from stc.lab.training.data import to_tensors
from stc.lab.training.fit import fit, project
from stc.lab.training.run import RunFolder
from tests.stand_ins import FlatLpips, FlatRecogniser

FIT = {"components": 64, "codewords": 4, "identity_faces": 32, "metric_faces": 32, "held_out": 9}


@pytest.fixture
def sources(faces, monkeypatch):
    """Four faces that a camera saw whole, stand-ins for the networks, and for the minutes of a fit
    the tokeniser of the shipped model."""
    pixels = faces[1::2][:4].copy()

    def fitted(pixels, *_):
        tokenizer, _ = load_modules(open_model())
        return tokenizer, project(to_planes(to_tensors(pixels)[0]), tokenizer)

    monkeypatch.setattr(levels, "fit", fitted)
    return SimpleNamespace(
        recogniser=FlatRecogniser(),
        lpips=FlatLpips(),
        faces=lambda _: pixels,
        repeats=lambda times, number: np.ones(number, np.int64),
    )


def plan(start="stc-face-4"):
    """A run of one step whose decoder starts as that of a model, or from nothing."""
    fitting = {**FIT, "levels": [{"tokens": 2, "identity": 1.0}, {"tokens": 3, "identity": 0.5}]}
    small = {"steps": 1, "batch": 2, "save_every": 1, "sheet_every": 9, "held_out": 4, "frozen": 0}
    values = {"about": "x", "family": "levels", "fit": fitting, "decoder": small}
    return parse({**values, **({"start": start} if start else {})}, "x")


def test_from_faces_to_a_model_file(sources, faces, tmp_path):
    output = tmp_path / "test.safetensors"
    with pytest.raises(StcError, match="stage fit comes first"):
        levels.train_levels(plan(), sources, tmp_path, output=output, only="decoder")
    levels.train_levels(plan(), sources, tmp_path, output=output, only="fit")
    with pytest.raises(StcError, match="stage decoder comes first and has made 0 of 1 steps"):
        levels.train_levels(plan(), sources, tmp_path, output=output, only="export")
    levels.train_levels(plan(), sources, tmp_path, output=output)
    codec = Codec(output)
    assert codec.model.name == "test"
    (coded,) = codec.encode_batch(faces[1:2, ..., :3], max_bytes=64)
    assert 0 < len(coded.unwrap().data) <= 64
    assert codec.decode_batch([coded.data]).shape == (1, 128, 128, 3)


@pytest.mark.parametrize("start", ["stc-face-4", None])
def test_the_decoder_starts_as_a_models_own_or_from_nothing(sources, tmp_path, start):
    config, pixels = plan(start), sources.faces("")
    folder = RunFolder(tmp_path, config)
    levels.prepare(config, pixels, sources, folder)
    decoder = levels.build_trainer(config, pixels, sources, folder).decoder
    assert bool(decoder.leave.weight.any()) == bool(start)  # a new one's last layer is zero


def test_networks_and_the_fit_are_missed_by_name(sources, tmp_path):
    words = {"output": tmp_path / "x"}
    bare = SimpleNamespace(recogniser=None, lpips=None)
    with pytest.raises(StcError, match="needs --recogniser FILE and --lpips FILE"):
        levels.train_levels(plan(), bare, tmp_path, **words)
    with pytest.raises(StcError, match="there are fit, decoder, export"):
        levels.train_levels(plan(), sources, tmp_path, **words, only="base")
    with pytest.raises(StcError, match=r"stage fit comes first; fit\.pt is missing"):
        levels.load_fit(RunFolder(tmp_path, plan()))


@pytest.mark.gate
def test_a_fit_holds_most_of_the_faces(faces):
    torch.manual_seed(0)
    config = plan()
    repeats = np.ones(len(faces), np.int64)
    tokenizer, components = fit(faces, repeats, FlatRecogniser(), config.fit)
    basis, analysis = tokenizer.basis, tokenizer.analysis
    torch.testing.assert_close(basis.T @ basis, torch.eye(64), atol=1e-4, rtol=0)
    torch.testing.assert_close(analysis.T @ basis, torch.eye(64), atol=1e-3, rtol=0)
    assert components.shape == (2, len(faces), 64)
    assert tokenizer.level_sizes == [2, 3]
    planes = to_planes(to_tensors(faces[1::2])[0])
    z = tokenizer.components(planes)
    lost = (tokenizer.planes(z) - planes).square().mean() / planes.var(0).mean()
    assert lost < 0.1
    groups, indices = tokenizer.encode(z)
    rest = z - tokenizer.dequantise(indices, groups)
    assert rest.square().sum() < 0.9 * z.square().sum()
