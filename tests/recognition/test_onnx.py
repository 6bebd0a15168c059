"""Recognition models in ONNX files: input, feature map, and files that are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from stc.errors import DataError, ModelError, ModelMissingError, StcError
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


@pytest.mark.parametrize(
    "text",
    [
        'channels = "grey"',
        "colour = 1",
        "mean =",
        'crop = "left"',
        'mean = "1"',
        "mean = nan",
        "scale = 0",
        "scale = true",
        "size = 0",
        "size = 112.0",
        "note = 1",
        "map = 1",
    ],
)
def test_wrong_descriptions_are_refused(network, text):
    network.with_suffix(".toml").write_text(text)
    with pytest.raises(DataError, match=r"toy\.toml: "):
        Onnx("toy", network)


def test_wrong_files_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be run"):
        Onnx("x", tmp_path / "x.onnx")
    with pytest.raises(ModelMissingError, match=r"there is no file .*y\.onnx"):
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


def save(path, text):
    """Write a network in ONNX's text form."""
    model = onnx.helper.make_model(
        onnx.parser.parse_graph(text),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, path)


IMAGE = "float[n, 3, 112, 112] x"


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (f"g ({IMAGE}, float[1] z) => (float[n, 37632] y) {{ y = Flatten(x) }}", "2 inputs"),
        ("g () => (float[2] y) { y = Constant<value = float[2] {1, 2}>() }", "0 inputs, not one"),
        ("g (float[n, 9] x) => (float[n, 9] y) { y = Relu(x) }", r"input has the shape \[n, 9\]"),
        ("g (float[n, 1, 8, 8] x) => (float[n, 64] y) { y = Flatten(x) }", r"\[n, 1, 8, 8\]"),
        ("g (float[n, 3, 8, 9] x) => (float[n, 216] y) { y = Flatten(x) }", r"\[n, 3, 8, 9\]"),
        (
            "g (uint8[n, 3, 8, 8] x) => (float[n, 192] y) { f = Cast<to = 1>(x) y = Flatten(f) }",
            r"the type tensor\(uint8\), not tensor\(float\)",
        ),
        (f"g ({IMAGE}) => (float[n, 3, 112, 112] y) {{ y = Relu(x) }}", "no embedding"),
        (f"g ({IMAGE}) => (int64[4] y) {{ y = Shape(x) }}", "no embedding"),
        (
            f"g ({IMAGE}) => (float[n] y) {{ a = Constant<value = int64[3] {{1, 2, 3}}>() "
            "y = ReduceSum<keepdims = 0>(x, a) }",
            r"tensor\(float\) of shape \[n\], no embedding",
        ),
        ("g (float[n, 3, 32768, 32768] x) => (float[n, 9] y) { y = Flatten(x) }", "too large"),
        ("g (float[999999, 3, 112, 112] x) => (float[999999, 9] y) { y = Flatten(x) }", "too"),
    ],
)
def test_a_network_of_another_kind_is_refused_when_it_is_opened(graph, reason, tmp_path):
    save(tmp_path / "x.onnx", graph)
    with pytest.raises(ModelError, match=reason) as refused:
        Onnx("toy", tmp_path / "x.onnx")
    assert str(refused.value).startswith(f"recogniser toy: {tmp_path / 'x.onnx'} ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (
            f"g ({IMAGE}) => (float[m, d] y) {{ s = Constant<value = int64[2] {{1, -1}}>() "
            "y = Reshape(x, s) }",
            r"output 'y' has the shape \[1, 112896\] for 3 faces",
        ),
        (f"g ({IMAGE}) => (float[n, d] y) {{ y = Flatten(x) }}", "37632 numbers, too many"),
        (f"g ({IMAGE}) => (float[n, c, h, w] y) {{ y = Relu(x) }}", "no embedding"),
        (
            "g (float[n, 3, h, w] x) => (float[n, d] y) "
            "{ z = Constant<value = float[2, 2] {1, 2, 3, 4}>() f = Flatten(x) y = MatMul(f, z) }",
            "cannot be run: .*ONNXRuntimeError",
        ),
        (
            "g (float[n, 3, 8, 8] x) => (float[n, 192] y) { z = Sub(x, x) q = Div(z, z) "
            "y = Flatten(q) }",
            "infinite or NaN",
        ),
    ],
)
def test_a_network_of_another_kind_is_refused_when_it_runs(graph, reason, tmp_path):
    save(tmp_path / "x.onnx", graph)
    with pytest.raises(ModelError, match=reason) as refused:
        Onnx("toy", tmp_path / "x.onnx").embed(FACES)
    assert str(refused.value).startswith(f"recogniser toy: {tmp_path / 'x.onnx'} ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "file", ["stc/codec/weights/stc-eye-1.onnx", "stc/imaging/weights/retinaface-mobilenet025.onnx"]
)
def test_the_other_networks_of_the_package_are_no_recognition_models(file):
    with pytest.raises(
        ModelError, match=r"is not a recognition model: it has \d inputs, not one: "
    ):
        Onnx("toy", Path(file))


def test_the_first_output_is_the_embedding_whatever_follows(tmp_path):
    save(
        tmp_path / "x.onnx",
        "g (float[n, 3, 16, 16] x) => (float[n, 3, 1, 1] y, float[] z) "
        "{ y = GlobalAveragePool(x) z = ReduceSum<keepdims = 0>(x) }",
    )
    found = Onnx("toy", tmp_path / "x.onnx").embed(FACES)
    means = (resize(FACES[:, 12:116, 12:116], 16) / 128 - 127.5 / 128).mean((2, 3))
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_named_map_that_is_none(tmp_path):
    save(
        tmp_path / "x.onnx",
        f"g ({IMAGE}) => (float[n, 3] y) {{ p = GlobalAveragePool(x) y = Flatten(p) f = Flatten(x) "
        "u = Relu(f) }",
    )
    (tmp_path / "x.toml").write_text('map = "f"')
    with pytest.raises(ModelError, match=r"'f' is float32 of shape \[3, 37632\], no feature map"):
        Onnx("toy", tmp_path / "x.onnx").embed_with_maps(FACES)
