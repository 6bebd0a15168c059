"""How many threads are used."""

import os
import threading

import pytest

from stc import threads as cores
from stc.errors import BackendError
from stc.threads import quota, threads


def test_the_variable_says_how_many(monkeypatch):
    monkeypatch.setenv("STC_THREADS", "3")
    assert threads() == 3
    monkeypatch.setenv("STC_THREADS", "")
    assert threads() == cores.cores()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " "])
def test_a_wrong_number_is_named(monkeypatch, text):
    monkeypatch.setenv("STC_THREADS", text)
    with pytest.raises(BackendError, match="STC_THREADS must be an integer"):
        threads()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_cores_that_are_masked_do_not_count(monkeypatch):
    monkeypatch.setattr(cores, "_quota", lambda: cores.NO_LIMIT)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4, 5})
    assert cores.cores() == 3
    monkeypatch.setattr(cores, "_quota", lambda: 2)
    assert cores.cores() == 2


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, cores.NO_LIMIT),
        ({"": "max 100000"}, cores.NO_LIMIT),
        ({"a/b": "200000 100000"}, 2),
        ({"a/b": "250000 100000"}, 2),
        ({"a/b": "20000 100000"}, 1),
        ({"a/b": "800000 100000", "a": "300000 100000", "": "max 100000"}, 3),
        ({"c": "100000 100000"}, cores.NO_LIMIT),  # somebody else's
        ({"a/b": "nonsense"}, cores.NO_LIMIT),
        ({"a/b": "some thing"}, cores.NO_LIMIT),
    ],
)
def test_the_least_quota_of_the_control_groups_counts(tmp_path, limits, expected):
    membership, root = tmp_path / "cgroup", tmp_path / "root"
    membership.write_text("1:cpu:/old\n0::/a/b\n")
    (root / "a" / "b").mkdir(parents=True)
    (root / "c").mkdir()
    for folder, limit in limits.items():
        (root / folder / "cpu.max").write_text(limit + "\n")
    (tmp_path / "cpu.max").write_text("100000 100000\n")  # above the root: not asked
    assert quota(membership, root) == expected


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert quota(tmp_path / "cgroup", tmp_path / "root") == cores.NO_LIMIT


@pytest.mark.parametrize("number", [0, 1, 2, 7, 100])
def test_work_is_shared_out_and_its_results_are_in_order(number):
    assert cores.in_threads(lambda one: one * one, 20, number) == [i * i for i in range(20)]
    assert cores.in_threads(lambda one: one, 0, number) == []


def test_the_first_error_is_raised_and_what_has_not_begun_is_left():
    begun = []

    def work(one):
        begun.append(one)
        if one == 3:
            raise KeyError(one)

    with pytest.raises(KeyError):
        cores.in_threads(work, 1000, 1)
    assert begun == [0, 1, 2, 3]
    with pytest.raises(KeyError):
        cores.in_threads(work, 1000, 3)


def test_where_no_thread_can_be_started_the_caller_does_the_work(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    seen = cores.in_threads(lambda _: threading.get_ident(), 5, 4)
    assert seen == [threading.get_ident()] * 5
