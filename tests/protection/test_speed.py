"""Time and memory of one-to-many matching stay within the documented limits: pytest -m gate."""

import time
import tracemalloc

import numpy as np
import pytest

from stc.protection import Gallery, RecordIndex, match_many, protect_many, write_index
from tests.protection.conftest import random_arrays

RECORDS, ENROLLED, SECONDS = 100_000, 4_000, 5


@pytest.mark.gate
def test_a_hundred_thousand_records_in_five_seconds(key, template):
    features, weights = random_arrays(ENROLLED, seed=1)
    parts = []
    for start in range(0, RECORDS, ENROLLED):
        ids = list(range(start, start + ENROLLED))
        parts.append(protect_many(features, weights, key, ids))
    gallery = Gallery.join(parts)
    began = time.process_time()  # of this process only, so that other load does not matter
    scores = match_many(template, gallery, key)
    assert time.process_time() - began < SECONDS
    assert scores.shape == (RECORDS,)
    assert len(np.unique(scores)) > 0.9 * RECORDS  # each record has different noise


@pytest.mark.gate
def test_memory_does_not_grow_with_the_gallery(key, template):
    features, weights = random_arrays(ENROLLED, seed=1)
    gallery = protect_many(features, weights, key, list(range(ENROLLED)))
    tracemalloc.start()
    match_many(template, gallery, key)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.gate
def test_an_index_is_searched_in_little_time_and_memory(key, template, tmp_path):
    """50,000 records, within a twentieth of the time that a million may take."""
    features, weights = random_arrays(ENROLLED, seed=1)
    gallery = protect_many(features, weights, key, list(range(ENROLLED)))
    some = 50_000
    with open(tmp_path / "some.stg", "w+b") as file:
        write_index(file, (gallery[row % ENROLLED] for row in range(some)), key)
        began = time.process_time()
        index = RecordIndex(file, key)
        scores = index.rough_scores([template])
        assert time.process_time() - began < SECONDS / 20
        tracemalloc.start()
        found = index.search(template)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert scores.shape == (1, some)
    assert len(found) == 1000
    assert peak < 40e6
