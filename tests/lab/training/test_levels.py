"""The run of the level-ordered tokenizer: from faces to a model file in one step of each stage."""

from types import SimpleNamespace

import pytest

from stc.codec.codec import Codec
from stc.codec.model_file import open_model
from stc.codec.torch.load import load_modules
from stc.errors import StcError
from stc.lab.training import levels
from stc.lab.training.collection import plain
from stc.lab.training.config import parse
from stc.lab.training.data import to_tensors
from stc.lab.training.fit import Fitted
from stc.lab.training.run import RunFolder
from tests.lab.training.packed import packed_arrays
from tests.stand_ins import FlatLpips, FlatRecogniser

MODEL = "stc-open-1"


@pytest.fixture
def sources(faces, monkeypatch):
    """Four faces that a camera saw whole, stand-ins for the networks, and for the minutes of a fit
    the tokenizer of a shipped model."""
    pixels = faces[1::2][:4].copy()

    def fitted(faces, *_):
        model = open_model(MODEL)
        tokenizer, _ = load_modules(model)
        components = tokenizer.analyse(to_tensors(faces.pixels)[0])
        return Fitted(tokenizer, packed_arrays(model), components.half().numpy())

    monkeypatch.setattr(levels, "fit", fitted)
    return SimpleNamespace(
        recogniser=FlatRecogniser(),
        recognisers=[FlatRecogniser()],
        lpips=FlatLpips(),
        collection=lambda plan, cache, seed: plain(pixels, plan),
    )


def plan(start=MODEL):
    """A run of one step whose decoder starts as that of a model, or from nothing."""
    values = {
        "about": "x",
        "family": "levels",
        "data": {"held_out": 4},
        "fit": {"levels": [{"tokens": 2, "identity": 1.0}, {"tokens": 3, "identity": 0.5}]},
        "decoder": {"steps": 1, "batch": 2, "save_every": 1, "sheet_every": 9, "rounds": 1},
    }
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


@pytest.mark.parametrize("start", [MODEL, None])
def test_the_decoder_starts_as_a_models_own_or_from_nothing(sources, tmp_path, start):
    config = plan(start)
    faces = sources.collection(config.data, tmp_path, 0)
    folder = RunFolder(tmp_path, config)
    levels.prepare(config, faces, sources, folder)
    decoder = levels.build_trainer(config, faces, sources, folder).network
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
