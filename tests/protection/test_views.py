"""A face and its mirror image have the same embeddings and swapped feature maps."""

import numpy as np
import pytest

from stc.protection.views import Views, view
from tests.recognition.stand_ins import Thumbnails


def test_both_sides_are_seen(faces):
    views = view(Thumbnails(), faces)
    assert views.maps.shape == (90, 2, 12, 4, 4)
    assert not np.array_equal(views.maps[:, 0], views.maps[:, 1])
    mirrored = view(Thumbnails(), faces[:, :, ::-1])
    assert mirrored.embeddings == pytest.approx(views.embeddings, abs=1e-5)
    assert np.array_equal(mirrored.maps, views.maps[:, ::-1])


def test_maps_are_left_out_where_nobody_needs_them(faces):
    views = view(Thumbnails(), faces, maps=False)
    assert views.maps.size == 0
    assert views.embeddings == pytest.approx(view(Thumbnails(), faces).embeddings)


def test_the_mean_is_of_embeddings_of_length_one():
    views = Views(np.array([[3, 0], [0, 0.5]], np.float32), np.zeros((2, 2, 0, 1, 1), np.float16))
    assert views.mean.tolist() == [0.5, 0.5]
