"""Differences that are there are found, and none are where there are none."""

import numpy as np
import pytest

from stc.errors import DataError
from stc.lab.evaluation import fairness
from stc.lab.evaluation.fairness import People, Served


@pytest.fixture
def people():
    generator = np.random.default_rng(0)
    count = 400
    return People(
        [str(i) for i in range(count)],
        generator.uniform(18, 80, count),
        np.array(["f", "m"])[np.arange(count) % 2],
        np.array(["x", "y"])[np.arange(count) // 2 % 2],
    )


def test_read_people(tmp_path):
    path = tmp_path / "people.tsv"
    path.write_text("key\tage\tsex\tgroup\na\t24\tf\tx\nb\t25\tm\ty\nc\t70\tm\ty\n")
    people = fairness.read_people(path)
    assert people.names == ["a", "b", "c"]
    assert people.band.tolist() == ["under 25", "25 to 34", "65 and over"]
    assert [value for _, value, _ in people.parts()][2:5] == ["under 25", "25 to 34", "65 and over"]
    path.write_text("key\tage\na\told\n")
    with pytest.raises(DataError, match="are needed"):
        fairness.read_people(path)


def test_who_is_served_worse_is_seen(people):
    refused = np.where(people.sex == "f", np.arange(400) % 20 == 0, np.arange(400) % 40 == 1)
    served = Served(
        96,
        both=np.where(refused, 1.5, 0.5),
        probe=np.full(400, 0.5),
        cosine=np.where(people.group == "x", 0.9, 0.95),
        psnr=np.full(400, 22.0),
    )
    text = fairness.groups_section(people, [served], "dlib")
    assert "| sex | f | 200 | 10.0% (6.6% to 14.9%) | 0.0% (0.0% to 1.9%) |" in text
    assert "| sex | f / m 2.00 (" in text
    assert "no errors" in text
    assert "| x / y 2.00 (2.00 to 2.00) |" in text


def test_a_group_id_that_tells_and_one_that_does_not(people):
    assert fairness.mutual_information(people.sex, people.sex) == pytest.approx(1)
    assert fairness.mutual_information(people.sex, people.group) == pytest.approx(0)
    assert fairness.best_guess(people.sex, people.sex) == 1
    assert fairness.best_guess(people.group, people.sex) == 0.5
    ids = (people.sex == "f").astype(int)
    told = fairness.leak_section(people, ids).splitlines()
    assert told[-3].startswith("| sex | 1.0000 | 0.0")
    assert "| 100.0% |" in told[-3]
    assert "| 50.0% |" in told[-1]
    assert "the same group index, so it reveals nothing" in fairness.leak_section(people, 0 * ids)


def test_drift_is_measured_by_a_probe_that_has_not_seen_the_face(people):
    generator = np.random.default_rng(1)
    noise = generator.normal(size=(400, 4))
    before = np.column_stack([people.age, (people.sex == "f") * 10, noise]).astype(np.float32)
    after = before + np.float32([5, 0, 0, 0, 0, 0])
    first, then = fairness.probe(before, after, people.age[:, None])
    assert np.abs(first[:, 0] - people.age).mean() < 1
    assert (then - first).mean() == pytest.approx(5, abs=0.3)
    text = fairness.drift_section(people, before, {96: after})
    assert "| 96 | sex | right 100.0% | f +0.0, m +0.0 points | 0.0% (" in text
    # What nothing is known of cannot be told, however many numbers there are.
    blind = generator.normal(size=(400, 128)).astype(np.float32)
    told, _ = fairness.probe(blind, blind, (people.sex == "f").astype(float)[:, None])
    assert abs(((told[:, 0] > 0.5) == (people.sex == "f")).mean() - 0.5) < 0.1
