"""Faces to templates, with a small stand-in for a recognition model; without torch."""

import numpy as np
import pytest

from stc.errors import ModelMissingError, TemplateError
from stc.protection.extractors import Extractor, cut, open_extractor, spread
from stc.protection.template import similarity
from stc.protection.views import Views, view
from tests.protection.conftest import random_head
from tests.recognition.stand_ins import Thumbnails, write_toy


@pytest.fixture(scope="module")
def views(faces):
    return view(Thumbnails(), faces)


def test_an_embedding_cut_keeps_the_cosine(views):
    embeddings = views.embeddings[:, :40]  # no multiple of 16
    features, weights = cut(embeddings)
    assert features.shape == (90, 3, 16)
    assert weights.sum(1) == pytest.approx(np.ones(90))
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    wide, _ = spread(embeddings)
    assert wide.shape == (90, 49, 16)
    for made in (features, wide):
        assert (made[0] * made[1]).sum() == pytest.approx(unit[0] @ unit[1], abs=1e-5)


def test_templates_of_faces(faces):
    for head in ("plain", "spread", random_head((12, 4, 4))):
        extractor = Extractor(Thumbnails(), head)
        one, mirrored = (extractor.template(face) for face in (faces[0], faces[0][:, ::-1]))
        assert similarity(one, mirrored) > 0.9
        features, weights = extractor.extract(faces[:3])
        assert one.features == pytest.approx(features[0], abs=1e-4)
        assert one.weights == pytest.approx(weights[0], abs=1e-4)
        assert extractor.key.startswith("thumbnails-")


def test_a_mean_is_taken_out(views):
    plain, less = (Extractor(Thumbnails(), "plain", mean) for mean in (None, views.mean))
    unit = views.embeddings / np.linalg.norm(views.embeddings, axis=1, keepdims=True)
    for extractor, rows in ((plain, unit), (less, unit - unit.mean(0))):
        features, _ = extractor.from_views(views)
        expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert features.reshape(90, -1) == pytest.approx(expected, abs=1e-5)
    assert plain.maker != less.maker


def test_keys_follow_recogniser_head_and_mean():
    heads = [random_head((12, 4, 4), seed) for seed in (0, 0, 1)]
    keys = [Extractor(Thumbnails(), head).key for head in ("plain", "spread", *heads)]
    assert keys[2] == keys[3]
    assert len(set(keys)) == 4


def test_a_head_for_other_maps(views):
    with pytest.raises(TemplateError, match=r"shape \(12, 4, 4\), the head needs \(5, 4, 4\)"):
        Extractor(Thumbnails(), random_head((5, 4, 4))).from_views(views)


def test_no_head_ships_for_another_recogniser(tmp_path):
    write_toy(tmp_path / "x.onnx")
    text = f"toy={tmp_path / 'x.onnx'}"
    extractor = open_extractor(text)
    assert (extractor.head, extractor.mean) == ("spread", None)
    assert open_extractor(text, "plain").head == "plain"
    hint = r"stc protect fit \(pip install 'stc-face-codec\[lab\]'\)"
    with pytest.raises(ModelMissingError, match=hint):
        open_extractor(text, "map")


def test_a_head_ships_for_dlib():
    for name in ("dlib", "torch"):
        pytest.importorskip(name)
    extractor = open_extractor("dlib")
    assert (extractor.head, extractor.mean.shape) == ("spread", (128,))
    by_map = open_extractor("dlib", "map")
    assert by_map.head.shape == (256, 4, 4)
    # Existing records contain this maker, so the head's digest must not change with the code.
    assert by_map.key == "dlib-resnet-v1-591b6f48a5146113"
    assert by_map.maker == bytes.fromhex("775c1f20")


@pytest.mark.parametrize("head", ["plain", "spread"])
def test_an_embedding_without_direction_is_refused(head, views):
    zeros = Views(np.zeros_like(views.embeddings[:2]), views.maps[:2])
    with pytest.raises(TemplateError, match="embedding of a face is zero"):
        Extractor(Thumbnails(), head).from_views(zeros)
