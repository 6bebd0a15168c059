"""Attacks do what they can: nothing with the key secret, something with the key stolen."""

import numpy as np
import pytest

from stc.lab.attacks.accuracy import stored
from stc.lab.attacks.inversion import Prior, error_of, learn_mapping, observe
from stc.lab.evaluation.metrics import cosines
from stc.protection import Key, protect_many


def enrolled(subject, key, alpha, drop, count=30):
    faces = subject.faces.take(np.arange(count))
    ids = list(range(count))
    return faces, protect_many(faces.features, faces.weights, key, ids, alpha, drop)


def flat(templates):
    return templates.reshape(len(templates), -1)


@pytest.mark.parametrize(("alpha", "drop"), [(0.9, 0.5), (0.5, 0.25), (0, 0.5)])
def test_directions_are_of_length_and_values_are_the_template_along_them(subject, key, alpha, drop):
    faces, gallery = enrolled(subject, key, alpha, drop)
    seen = observe(gallery, key, subject.others.weights.mean(0))
    along = np.einsum("nmkc,nmc->nmk", seen.directions, faces.features)
    assert np.corrcoef(along.ravel(), seen.values.ravel())[0, 1] > 0.9
    share = np.square(seen.directions).sum((2, 3)) / 16
    expected = (1 - drop) - (1 / 16 if alpha else 0)
    assert share == pytest.approx(np.full_like(share, expected), abs=1e-4)


def test_a_stolen_key_recovers_and_a_wrong_one_does_not(subject, key):
    faces, gallery = enrolled(subject, key, 0.9, 0.5)
    weights, others = subject.others.weights.mean(0), subject.others
    own = protect_many(others.features, others.weights, key, list(range(len(others))))
    error = error_of([observe(own, key, weights)], others.features)
    prior = Prior(others, error)
    stolen, guessed = (observe(gallery, one, weights) for one in (key, Key.generate()))
    assert cosines(flat(stolen.filled), flat(faces.features)).mean() > 0.6
    assert abs(cosines(flat(guessed.filled), flat(faces.features)).mean()) < 0.1
    templates, told = prior.recover(stolen)
    assert cosines(flat(templates), flat(faces.features)).mean() > 0.75
    assert cosines(told, faces.embeddings).mean() > 0.75
    assert cosines(prior.recover(guessed)[1], faces.embeddings).mean() < 0.2


def test_coarser_records_are_farther_off(subject, key):
    others, weights = subject.others.take(np.arange(80)), subject.others.weights.mean(0)
    gallery = protect_many(others.features, others.weights, key, list(range(80)))
    errors = [
        error_of([observe(stored(gallery, bits)[0], key, weights)], others.features)
        for bits in (8, 4, 2)
    ]
    assert (errors[0] < errors[1]).all()
    assert (errors[1] < errors[2]).all()


def test_a_mapping_learns_what_there_is_to_learn(subject):
    others = subject.others
    clear = flat(others.features) * 4
    mapping = learn_mapping(lambda epoch: clear, others.embeddings, epochs=8)
    told = mapping.recover(flat(subject.faces.features) * 4)
    assert cosines(told, subject.faces.embeddings).mean() > 0.5


@pytest.fixture(scope="module")
def key():
    return Key(bytes(range(32)))
