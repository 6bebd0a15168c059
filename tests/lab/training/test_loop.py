"""The loop itself, on a stage that only counts."""

import json
import signal

import numpy as np
import pytest
import torch

from stc.lab.training.launch import launcher, rows_of_step, seed_step
from stc.lab.training.loop import run_stage
from stc.lab.training.run import RunFolder
from tests.lab.tiny import tiny


class Plan:
    steps, save_every = 50, 10


class Counting:
    """Adds a random number at every step; may press Ctrl-C in one of them."""

    name, plan = "counting", Plan()

    def __init__(self, interrupted_at=None, times=1):
        self.total = torch.zeros(())
        self.interrupted_at, self.times = interrupted_at, times

    def step(self, number):
        self.total += torch.rand(())
        if number == self.interrupted_at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        return {"total": self.total}

    def weights(self):
        return {"total": self.total}

    def state(self):
        return {}

    def restore(self, weights, state):
        self.total = weights["total"]

    def measure(self, sheet):
        return {"total": float(self.total)}, torch.rand(2, 3, 3, 8, 8) if sheet else None


@pytest.fixture
def run(tmp_path):
    def go(stage, name="run"):
        run_stage(stage, RunFolder(tmp_path / name, tiny()), launcher("fp32"), seed=0)
        return stage

    return go


def test_ctrl_c_waits_for_the_step_and_leaves_a_checkpoint(run, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    expected = run(Counting(), "whole").total
    with pytest.raises(KeyboardInterrupt):
        run(Counting(interrupted_at=24))
    folder = RunFolder.existing(tmp_path / "run")
    assert folder.load("counting")["step"] == 25
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.equal(run(Counting()).total, expected)


def test_a_second_ctrl_c_does_not_wait(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Counting(interrupted_at=24, times=2))
    assert RunFolder.existing(tmp_path / "run").load("counting")["step"] == 20


def test_metrics_after_the_last_checkpoint_are_forgotten(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "save_every", 15)  # logged at 20 and 40, kept at 15, 30 and 45
    with pytest.raises(KeyboardInterrupt):
        run(Counting(interrupted_at=42, times=2))
    path = tmp_path / "run" / "metrics.jsonl"
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [20, 40]
    run(Counting())
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == [20, 40, 50, 50]


def test_the_rows_of_an_epoch_are_dealt_to_processes_once():
    rows = np.arange(100, 123)
    parts = [rows_of_step(rows, 6, s, 7, p, 2) for s in range(3) for p in (0, 1)]
    assert [len(part) for part in parts] == [3] * 6
    assert len(set(np.concatenate(parts))) == 18
    again = rows_of_step(rows, 6, 3, 7, 0, 1)  # the next epoch, in another order
    assert not np.array_equal(again, rows_of_step(rows, 6, 0, 7, 0, 1))
    assert sorted(rows_of_step(rows, 99, 5, 0, 0, 1)) == list(rows)


def test_every_step_and_process_draws_its_own_numbers():
    drawn = set()
    for words in ((0, "base", 0, 0), (1, "base", 0, 0), (0, "joint", 0, 0), (0, "base", 1, 0)):
        seed_step(*words)
        drawn.add(torch.rand(()).item())
    seed_step(0, "base", 0, 1)
    drawn.add(torch.rand(()).item())
    assert len(drawn) == 5
    seed_step(0, "base", 0, 0)
    assert torch.rand(()).item() in drawn
