"""A head learns to imitate a recogniser."""

import numpy as np
import pytest
import torch

from stc.errors import DataError
from stc.lab.training.head import fit_head, scores
from stc.protection.views import Views


@pytest.fixture(scope="module")
def views():
    """Maps that a linear map makes of embeddings."""
    embeddings = np.random.default_rng(1).standard_normal((200, 8)).astype(np.float32)
    spread = np.random.default_rng(2).standard_normal((8, 12, 2, 2)).astype(np.float32)
    maps = np.einsum("nd,dchw->nchw", embeddings, spread)[:, None].repeat(2, 1)
    return Views(embeddings, maps.astype(np.float16))


def test_a_head_learns_to_imitate(views):
    lines = []
    before = fit_head(views, steps=1)[1]
    head, after = fit_head(views, steps=100, report=lines.append)
    assert after.correlation > before.correlation > 0.5
    assert (after.faces, after.steps) == (200, 100)
    assert [line.split(":")[0] for line in lines] == ["step 100 of 100"]
    features, weights = head(*(views.maps[:3, i].astype(np.float32) for i in (0, 1)))
    assert features.shape == (3, 4, 16)
    assert weights.sum(1) == pytest.approx(np.ones(3), abs=1e-5)
    alike = scores(torch.from_numpy(features), torch.from_numpy(weights))
    assert alike.diagonal().numpy() == pytest.approx(np.ones(3), abs=1e-5)
    assert torch.equal(alike, alike.T)


def test_training_is_repeated_by_its_seed(views):
    one, two, other = (fit_head(views, steps=3, seed=seed)[0] for seed in (0, 0, 1))
    assert one.digest() == two.digest() != other.digest()


def test_too_few_faces(views):
    with pytest.raises(DataError, match="too few"):
        fit_head(Views(views.embeddings[:9], views.maps[:9]))
