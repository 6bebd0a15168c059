"""Enrolment and matching."""

import numpy as np
import pytest

from stc.errors import TemplateError, WrongKeyError
from stc.protection import (
    Gallery,
    GroupedTemplate,
    Key,
    match,
    match_many,
    match_pairs,
    protect,
    protect_many,
)
from stc.protection.template import similarity
from tests.protection.conftest import random_arrays, random_template


def noisy(template, amount, seed=9):
    noise = np.random.default_rng(seed).standard_normal(template.shape)
    return GroupedTemplate(template.features + amount * noise, template.weights)


@pytest.mark.parametrize("drop", [0, 0.25, 0.5, 0.75])
def test_exactly_so_many_dimensions_are_dropped(template, key, drop):
    record = protect(template, key, "a", drop=drop)
    assert ((record.features == 0).sum(1) == drop * 16).all()
    assert np.linalg.norm(record.features, axis=1) == pytest.approx(np.ones(49), abs=1e-5)


def test_the_same_face_scores_higher(template, key):
    record = protect(template, key, "a")
    scores = [match(noisy(template, a), record, key) for a in (0, 0.5, 1, 2)]
    strangers = [match(random_template(seed), record, key) for seed in range(1, 6)]
    assert scores[0] == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    assert scores[2] > max(strangers)


def test_nothing_turned_and_nothing_dropped_is_the_plain_score(template, key):
    record = protect(template, key, "a", alpha=0, drop=0)
    query = noisy(template, 1)
    assert match(query, record, key) == pytest.approx(similarity(query, template), abs=1e-5)


def test_records_of_one_face_are_not_alike(template, key):
    one, same = protect(template, key, "a"), protect(template, key, "a")
    assert np.array_equal(one.features, same.features)
    for other in (protect(template, key, "b"), protect(template, Key.generate(), "a")):
        assert abs((one.features * other.features).sum(1).mean()) < 0.15
        assert not np.array_equal(one.features == 0, other.features == 0)


def test_a_record_looks_like_no_face_at_all(key):
    """The mean over many records of one face is 0; with SlerpFace alone the face would remain."""
    features = np.repeat(random_arrays(1)[0], 400, axis=0)
    weights = np.repeat(random_arrays(1)[1], 400, axis=0)
    gallery = protect_many(features, weights, key, list(range(400)))
    mean = gallery.features.mean(0)
    face = features[0] / np.linalg.norm(features[0], axis=1, keepdims=True)
    assert abs((mean * face).sum(1).mean()) < 0.01


def test_one_to_many_is_one_to_one_many_times(key, template):
    features, weights = random_arrays(300, seed=4)
    gallery = protect_many(features, weights, key, [f"r{i}" for i in range(300)])
    scores = match_many(template, gallery, key)
    single = [match(template, gallery[i], key) for i in (0, 17, 299)]
    assert scores[[0, 17, 299]] == pytest.approx(single, abs=1e-6)
    assert match_many(template, list(gallery), key) == pytest.approx(scores, abs=1e-6)
    alone = protect(GroupedTemplate(features[17], weights[17]), key, "r17")
    assert alone.features == pytest.approx(gallery[17].features, abs=1e-6)


def test_pairs_are_one_to_one_many_times(key):
    features, weights = random_arrays(300, seed=6)
    gallery = protect_many(features[::-1], weights[::-1], key, list(range(300)))
    scores = match_pairs(features, weights, gallery, key)
    for i in (0, 150, 299):
        query = GroupedTemplate(features[i], weights[i])
        assert scores[i] == pytest.approx(match(query, gallery[i], key), abs=1e-6)
    with pytest.raises(TemplateError, match="queries need"):
        match_pairs(features[:5], weights[:5], gallery, key)


def test_a_gallery_of_mixed_parameters(key, template):
    records = [protect(template, key, i, alpha, 0.25) for i, alpha in enumerate((0.5, 0.9, 0.5))]
    assert match_many(template, records, key) == pytest.approx(np.ones(3), abs=1e-5)
    with pytest.raises(TemplateError):
        Gallery.of(records)
    assert match_many(template, [], key).shape == (0,)


def test_a_wrong_key_is_noticed(template, key):
    record = protect(template, key, "a")
    with pytest.raises(WrongKeyError):
        match(template, record, Key.generate())
    with pytest.raises(WrongKeyError):
        match_many(template, [record], Key.generate())


def test_shapes_must_agree(template, key):
    with pytest.raises(TemplateError, match="9 x 16"):
        match(random_template(groups=9), protect(template, key, "a"), key)


@pytest.mark.parametrize("record_id", ["", b"", "x" * 65, -1, 1.5, None, 1 << 600])
def test_record_ids_that_are_none(template, key, record_id):
    with pytest.raises(TemplateError):
        protect(template, key, record_id)


def test_no_two_records_share_noise(key):
    features, weights = random_arrays(2)
    with pytest.raises(TemplateError, match="share their noise"):
        protect_many(features, weights, key, ["a", "a"])
    with pytest.raises(TemplateError, match="need 2 record ids"):
        protect_many(features, weights, key, ["a"])


def test_empty_groups_tell_nothing_and_prove_nothing(key):
    full = random_template()
    features = full.features.copy()
    features[::2] = 0
    half = GroupedTemplate(features, full.weights)
    record = protect(half, key, "a")
    assert (np.abs(record.features).sum(1) > 0).all()
    assert match(half, record, key) == pytest.approx(1, abs=1e-5)
    assert match(half, protect(full, key, "b"), key) == pytest.approx(1, abs=1e-5)
    strangers = [match(random_template(seed), record, key) for seed in range(1, 6)]
    assert max(strangers) < match(full, record, key) < 1
    only = np.zeros(49)
    only[0] = 1
    with pytest.raises(TemplateError, match="on empty groups"):
        match(GroupedTemplate(features, only), record, key)


def test_a_weight_above_alpha_does_not_turn_backwards(key):
    weights = np.zeros(49)
    weights[0] = 1
    template = GroupedTemplate(random_template().features, weights)
    record = protect(template, key, "a", alpha=0.5, drop=0)
    assert match(template, record, key) == pytest.approx(1, abs=1e-5)


def test_a_query_of_other_weights_still_matches(template, key):
    other = GroupedTemplate(template.features, random_template(3).weights)
    record = protect(template, key, "a")
    assert match(other, record, key) > match(noisy(template, 0.5), record, key)


def test_a_printed_record_names_itself_without_its_features(template, key):
    record = protect(template, key, "anna/1")
    assert repr(record) == "<ProtectedTemplate anna/1, generation 0>"
    assert repr(Gallery.of([record, record])) == "<Gallery of 2 records>"
