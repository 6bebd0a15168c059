"""A subject drawn at random: people in a space of few dimensions, two pictures of each."""

import numpy as np
import pytest

from stc.lab.attacks.subject import Subject, Templates
from stc.lab.evaluation.verification import Pairs
from stc.protection.template import unit

PEOPLE, GROUPS, SIZE, HIDDEN = 60, 12, 16, 48


def some_faces(count, seed, shared):
    """Templates and embeddings that one linear map of `shared` [HIDDEN, .] makes of people."""
    generator = np.random.default_rng(seed)
    people = generator.standard_normal((count // 2, HIDDEN)).repeat(2, 0)
    people += 0.3 * generator.standard_normal((count, HIDDEN))
    features = unit((people @ shared).reshape(count, GROUPS, SIZE).astype(np.float32))
    weights = generator.random((count, GROUPS)) + 1
    weights /= weights.sum(1, keepdims=True)
    return Templates(features, weights.astype(np.float32), unit(people.astype(np.float32)))


@pytest.fixture(scope="session")
def subject():
    shared = np.random.default_rng(0).standard_normal((HIDDEN, GROUPS * SIZE))
    names = [f"P{i:03d}_000{j}" for i in range(PEOPLE) for j in (1, 2)]
    first = [f"P{i:03d}_0001" for i in range(PEOPLE)] * 2
    second = [f"P{i:03d}_0002" for i in range(PEOPLE)]
    second += [f"P{(i + 7) % PEOPLE:03d}_0002" for i in range(PEOPLE)]
    same = np.arange(2 * PEOPLE) < PEOPLE
    pairs = Pairs(first, second, same, np.arange(2 * PEOPLE) % 4)
    assert names == pairs.names
    return Subject("toy", "", some_faces(2 * PEOPLE, 1, shared), pairs, some_faces(600, 2, shared))
