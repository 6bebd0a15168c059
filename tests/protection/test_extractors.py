"""Faces to templates, and heads that imitate: with a stand-in for a recogniser."""

import numpy as np
import pytest
import torch

from stc.errors import DataError, ModelMissingError, TemplateError, WrongModelError
from stc.protection.extractors import Extractor, cut, look_twice, open_extractor, spread
from stc.lab.training.head import Looks, fit_head, scores
from stc.protection.heads import Head, load_head, load_middle, save_head, shipped_head
from stc.protection.template import similarity
from tests.stand_ins import Thumbnails


@pytest.fixture(scope="module")
def faces():
    coarse = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), np.uint8)
    return coarse.repeat(16, 1).repeat(16, 2)


@pytest.fixture(scope="module")
def looks(faces):
    return look_twice(Thumbnails(), faces)


def test_both_sides_are_seen(faces, looks):
    assert looks.maps.shape == (90, 2, 12, 4, 4)
    assert not np.array_equal(looks.maps[:, 0], looks.maps[:, 1])
    mirrored = look_twice(Thumbnails(), faces[:, :, ::-1])
    assert mirrored.embeddings == pytest.approx(looks.embeddings, abs=1e-5)
    assert look_twice(Thumbnails(), faces, maps=False).embeddings == pytest.approx(looks.embeddings)


def test_an_embedding_cut_keeps_the_cosine(faces, looks):
    embeddings = looks.embeddings[:, :40]  # no multiple of 16
    features, weights = cut(embeddings)
    assert features.shape == (90, 3, 16)
    assert weights.sum(1) == pytest.approx(np.ones(90))
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    wide, _ = spread(embeddings)
    assert wide.shape == (90, 49, 16)
    for made in (features, wide):
        assert (made[0] * made[1]).sum() == pytest.approx(unit[0] @ unit[1], abs=1e-5)


def test_a_head_learns_to_imitate(looks):
    embeddings = np.random.default_rng(1).standard_normal((200, 8)).astype(np.float32)
    spread = np.random.default_rng(2).standard_normal((8, 12, 2, 2)).astype(np.float32)
    maps = np.einsum("nd,dchw->nchw", embeddings, spread)[:, None].repeat(2, 1)
    made = Looks(embeddings, maps.astype(np.float16))
    before = fit_head(made, steps=1)[1]
    head, after = fit_head(made, steps=25)
    assert after.correlation > before.correlation > 0.5
    assert (after.faces, after.steps) == (200, 25)
    features, weights = head(*(torch.from_numpy(maps[:3, i]) for i in (0, 1)))
    assert features.shape == (3, 4, 16)
    assert weights.sum(1).numpy() == pytest.approx(np.ones(3), abs=1e-5)
    alike = scores(features, weights)
    assert alike.diagonal().numpy() == pytest.approx(np.ones(3), abs=1e-5)
    assert torch.equal(alike, alike.T)
    assert torch.equal(fit_head(made, steps=3)[0].reduce, fit_head(made, steps=3)[0].reduce)


def test_too_few_faces(looks):
    with pytest.raises(DataError, match="too few"):
        fit_head(Looks(looks.embeddings[:9], looks.maps[:9]))


def random_head():
    torch.manual_seed(0)
    head = Head((12, 4, 4)).eval().requires_grad_(False)
    head.reduce.normal_()
    return head


def test_a_head_survives_its_file(tmp_path, faces, looks):
    head = random_head()
    middle = np.arange(5, dtype=np.float32)
    save_head(tmp_path / "h.safetensors", head, "thumbnails", middle, {"faces": "0"})
    assert np.array_equal(load_middle(tmp_path / "h.safetensors"), middle)
    back = load_head(tmp_path / "h.safetensors", "thumbnails")
    one, two = (Extractor(Thumbnails(), some).from_looks(looks) for some in (head, back))
    assert one[0] == pytest.approx(two[0], abs=1e-2)  # half precision
    with pytest.raises(WrongModelError, match="a head for thumbnails, not for dlib"):
        load_head(tmp_path / "h.safetensors", "dlib")
    with pytest.raises(ModelMissingError):
        load_head(tmp_path / "none", "dlib")
    (tmp_path / "x").write_bytes(b"nothing")
    with pytest.raises(WrongModelError):
        load_head(tmp_path / "x", "dlib")
    with pytest.raises(TemplateError, match="the head wants"):
        Extractor(Thumbnails(), Head((5, 4, 4))).from_looks(looks)


def test_templates_of_faces(faces):
    for head in ("plain", "spread", random_head()):
        extractor = Extractor(Thumbnails(), head)
        one, mirrored = (extractor.template(face) for face in (faces[0], faces[0][:, ::-1]))
        assert similarity(one, mirrored) > 0.9
        features, weights = extractor.extract(faces[:3])
        assert one.features == pytest.approx(features[0], abs=1e-4)
        assert one.weights == pytest.approx(weights[0], abs=1e-4)
        assert extractor.key.startswith("thumbnails-")


def test_a_head_ships_for_dlib_alone(tmp_path):
    pytest.importorskip("dlib")
    extractor = open_extractor("dlib")
    assert shipped_head(extractor.recogniser.key).is_file()
    assert (extractor.head, extractor.middle.shape) == ("spread", (128,))
    assert open_extractor("dlib", "map").head.shape == (256, 4, 4)
    assert shipped_head("another") is None
