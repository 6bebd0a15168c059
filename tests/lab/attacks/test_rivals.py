"""The other protections: they match under one secret, and give way to a stolen one."""

import numpy as np
import pytest
import torch

from stc.lab.attacks.rivals import RIVALS, PolyProtect, invert, store
from stc.lab.evaluation.metrics import auc, cosines


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_matching_under_one_secret(rival, subject):
    told = subject.faces.embeddings
    first, second = subject.pairs.places
    secret = rival.draw(0, len(first), told.shape[1])
    scores = store(rival, told[first], secret).scores(store(rival, told[second], secret))
    assert auc(scores.astype(np.float64), subject.pairs.same) > 0.9


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_a_stolen_secret(rival, subject):
    told, others = subject.faces.embeddings[:20], subject.others.embeddings
    secret = rival.draw(0, 20, told.shape[1])
    mean, covariance = others.mean(0), np.cov(others.T).astype(np.float32)
    undone = invert(rival, store(rival, told, secret), secret, mean, covariance)
    assert cosines(undone, told).mean() > (0.9 if rival.name == "keyed rotation" else 0.3)


def test_polyprotect_by_hand():
    secret = [torch.tensor([[2.0, 3, 1, 1, 1]]), torch.tensor([[1, 2, 3, 4, 5]])]
    made = PolyProtect().protect(torch.tensor([[1.0, 2, 0, 0, 0, 1]]), secret)
    # 2 * 1 + 3 * 2^2, then from the fourth number on, one zero and one missing: 3 of six stay.
    assert made.tolist() == [[14, 1]]
