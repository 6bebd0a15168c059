"""Random views: other pictures of the same faces, of the same kind as those."""

import numpy as np
import pytest
import torch

from stc.lab.training import augment
from stc.lab.training.augment import random_views


def views(faces, seed=0):
    return random_views(faces, torch.Generator().manual_seed(seed))


def test_a_view_is_another_picture_of_the_same_face(faces):
    found = views(faces)
    assert found.shape == faces.shape
    assert found.dtype == np.uint8
    colours = [
        pictures[..., :3].reshape(len(faces), -1).astype(float) for pictures in (found, faces)
    ]
    one, other = (own - own.mean(1, keepdims=True) for own in colours)
    length = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    likeness = one @ other.T / length
    assert (likeness.argmax(1) == np.arange(len(faces))).all()
    assert likeness.diagonal().min() > 0.7
    assert np.abs(found.astype(int) - faces).mean((1, 2, 3)).min() > 1


def test_views_are_those_of_their_seed(faces):
    few = faces[:4]
    np.testing.assert_array_equal(views(few, 3), views(few, 3))
    assert (views(few, 3) != views(few, 4)).any()


def test_what_no_camera_saw_stays_unseen_where_the_face_goes(faces):
    half = faces[:6].copy()
    half[:, :, :64, 3] = 0
    half[:, :, 64:, 3] = 255
    seen = views(half)[..., 3]
    assert set(np.unique(seen)) == {0, 255}
    assert (seen[:, :, :52] == 0).all()
    assert (seen[:, :, 76:] == 255).all()


@pytest.mark.parametrize("name", ["BLURRED", "SMALL"])
def test_softened_pictures_lose_detail_alone(name, monkeypatch):
    for other in ("BLURRED", "SMALL"):
        monkeypatch.setattr(augment, other, 1.0 if other == name else 0.0)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(5, 3, 128, 128, generator=generator)
    soft = augment._softened(noise, generator)
    assert (soft.std((1, 2, 3)) < 0.8 * noise.std((1, 2, 3))).all()
    torch.testing.assert_close(soft.mean((2, 3)), noise.mean((2, 3)), atol=0.02, rtol=0)
