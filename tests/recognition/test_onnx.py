"""Recognition models in ONNX files: input, feature map, and files that are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from stc.errors import DataError, StcError
from stc.recognition.onnx import Onnx
from stc.recognition.resizing import resize
from tests.recognition.stand_ins import EMBEDDING, write_toy

DESCRIPTION = 'channels = "bgr"\nscale = 128.0\n'
FACES = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), np.uint8)


@pytest.fixture
def network(tmp_path):
    write_toy(tmp_path / "toy.onnx")
    return tmp_path / "toy.onnx"


def by_hand(values, first, last):
    """Feature maps and embeddings of the toy for its input [N, 3, S, S], computed by numpy."""
    step = first.shape[-1]
    cells = values.reshape(len(values), 3, 7, step, 7, step)
    maps = np.maximum(np.einsum("ncyixj,kcij->nkyx", cells, first), 0)
    flat = np.einsum("nkyx,dkyx->nd", maps, last)
    return maps, flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize("batch", ["n", 2])
def test_it_sees_the_crop_as_arcface_does(tmp_path, batch):
    kernels = write_toy(tmp_path / "x.onnx", [batch, 3, 112, 112])
    values = (resize(FACES[:, 12:116, 12:116], 112) - 127.5) / 128
    maps, embeddings = by_hand(values, *kernels)
    recogniser = Onnx("toy", tmp_path / "x.onnx")
    found = recogniser.embed_with_maps(FACES)
    assert found[0] == pytest.approx(embeddings, abs=1e-4)
    assert found[1] == pytest.approx(maps, abs=1e-2)
    assert np.array_equal(recogniser.embed(FACES), found[0])


def test_it_sees_what_its_description_says(tmp_path):
    kernels = write_toy(tmp_path / "x.onnx", ["n", 3, 56, 56])
    (tmp_path / "x.toml").write_text('crop = "canvas"\nmean = 3\nscale = 2\nchannels = "bgr"')
    _, embeddings = by_hand((resize(FACES, 56)[:, ::-1] - 3) / 2, *kernels)
    assert Onnx("x", tmp_path / "x.onnx").embed(FACES) == pytest.approx(embeddings, abs=1e-4)


def test_the_last_map_of_more_than_one_cell(network):
    recogniser = Onnx("toy", network)
    embeddings, maps = recogniser.embed_with_maps(FACES)
    assert (embeddings.shape, maps.shape) == ((3, EMBEDDING), (3, 4, 7, 7))
    assert (maps >= 0).all()


def test_a_map_of_the_users_choice(network):
    key = Onnx("toy", network).key
    network.with_suffix(".toml").write_text('map = "map"')
    recogniser = Onnx("toy", network)
    assert (recogniser.embed_with_maps(FACES)[1] < 0).any()
    assert recogniser.key != key  # because its feature maps are different
    for name in ("nothing", "y"):  # y is already an output
        network.with_suffix(".toml").write_text(f'map = "{name}"')
        with pytest.raises(StcError, match=f"has no feature map called '{name}'"):
            Onnx("toy", network).embed_with_maps(FACES)


def test_weights_in_a_file_of_their_own(network, tmp_path, monkeypatch):
    expected = Onnx("toy", network).embed_with_maps(FACES)
    (tmp_path / "apart").mkdir()
    write_toy(tmp_path / "apart/x.onnx", save_as_external_data=True, size_threshold=0)
    monkeypatch.chdir(tmp_path / "apart")
    for path in (Path("x.onnx"), tmp_path / "apart/x.onnx"):
        found = Onnx("x", path).embed_with_maps(FACES)
        assert found[0] == pytest.approx(expected[0], abs=1e-5)
        assert found[1] == pytest.approx(expected[1], abs=1e-5)


def test_the_key_follows_file_and_description(network):
    before = Onnx("toy", network).key
    network.with_suffix(".toml").write_text(DESCRIPTION)
    described = Onnx("toy", network)
    assert Onnx("other", network).key == described.key != before
    network.with_suffix(".toml").write_text(DESCRIPTION + 'note = "used in training"')
    assert Onnx("toy", network).key == described.key
    assert Onnx("toy", network).note == "used in training"


@pytest.mark.parametrize("text", ['channels = "grey"', "colour = 1", "mean =", 'crop = "left"'])
def test_wrong_descriptions_are_refused(network, text):
    network.with_suffix(".toml").write_text(text)
    with pytest.raises(DataError, match=r"toy\.toml: "):
        Onnx("toy", network)


def test_wrong_files_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(StcError, match="cannot be run"):
        Onnx("x", tmp_path / "x.onnx")
    with pytest.raises(StcError, match=r"there is no file .*y\.onnx"):
        Onnx("y", tmp_path / "y.onnx")


def test_a_network_without_a_map(tmp_path):
    graph = onnx.parser.parse_graph(
        "flat (float[n, 3, 112, 112] x) => (float[n, 37632] y) { y = Flatten(x) }"
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(StcError, match=r"name the tensor as map in x\.toml"):
        Onnx("x", tmp_path / "x.onnx").embed_with_maps(FACES)
