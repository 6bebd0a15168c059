"""All of the proof, on a subject drawn at random."""

from dataclasses import replace

import numpy as np
import pytest

from stc.errors import DataError
from stc.lab.attacks import report, tradeoff
from stc.lab.attacks.attacks import choose_victims
from stc.lab.attacks.run import examine
from stc.protection import Key, protect_many
from tests.lab.attacks.small import make_small


@pytest.fixture(scope="module")
def findings(subject):
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        return examine(subject, 0.9, 0.5)


def test_a_secret_key_gives_nothing_away(findings):
    secret = [r for r in findings.recoveries[report.OURS] if not r.stolen]
    assert len(secret) == 3
    assert max(abs(r.cosine) for r in secret) < 0.2
    stolen = [r for r in findings.recoveries[report.OURS] if r.stolen]
    assert max(r.cosine for r in stolen) > 0.7
    links = {link.stolen: link.found for link in findings.links[report.OURS]}
    assert links[True].d_sys > links[False].d_sys


def test_accuracy_goes_down_with_what_is_dropped(findings):
    assert findings.plain.right > 0.9
    assert findings.grid[0.5, 0.0].right >= findings.grid[0.5, 0.75].right - 0.05
    assert findings.bits[8].size > findings.bits[4].size
    assert findings.bits[8].lost < 0.05


def test_fewer_bits_give_less_back(findings):
    eight, two, _ = findings.curve
    assert two.prior.cosine < eight.prior.cosine
    assert two.size < eight.size


def test_thinning_drops_more_where_weights_are_low(subject):
    faces = subject.faces.take(np.arange(4))
    gallery = protect_many(faces.features, faces.weights, Key.generate(), list("abcd"), 0.9, 0.25)
    thin = tradeoff.thinned(gallery, faces.weights)
    left = (thin.features != 0).sum(2)
    light = faces.weights < np.median(faces.weights, axis=1, keepdims=True)
    assert (left[light] == 4).all()
    assert (left[~light] == 12).all()
    assert np.linalg.norm(thin.features, axis=2) == pytest.approx(np.ones((4, 12)), abs=1e-5)


def test_victims_are_everybody_once_those_with_two_pictures_first(subject):
    pairs = subject.pairs
    first = ["Lone_0001" if name == "P003_0001" else name for name in pairs.first]
    second = ["P002_0002" if name == "P003_0002" else name for name in pairs.second]
    victims = choose_victims(replace(subject, pairs=replace(pairs, first=first, second=second)))
    names = replace(pairs, first=first, second=second).names
    people = [names[row].rsplit("_", 1)[0] for row in victims.rows]
    assert sorted(people) == sorted({name.rsplit("_", 1)[0] for name in names})
    assert people[len(victims.others) :] == ["Lone"]
    for one, other in zip(victims.rows, victims.others, strict=False):
        assert names[one] != names[other]
        assert names[one][:4] == names[other][:4]
    few = victims.take(10)
    assert len(few.rows) == len(few.others) == 10


def test_marks_must_be_there(tmp_path):
    (tmp_path / "x.md").write_text("nothing")
    with pytest.raises(DataError, match="lacks the marks"):
        report.write_between_marks(tmp_path / "x.md", "text")
