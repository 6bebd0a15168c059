"""The command: a table, and an exit code that says whether an input failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import row
from fuzz.lines import measure
from fuzz.running import Outcome
from fuzz.targets import load
from stc.carriers import ndef

ROOT = Path(__file__).parents[2]


def fuzz(*options):
    command = [sys.executable, "-m", "fuzz", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_a_row_of_the_table():
    outcome = Outcome("ndef", 1_000_000, 250.0, 87, [], 0, Path("log.txt"))
    assert row(outcome, "84 of 100") == "| ndef | 1,000,000 | 4,000 | 87 | 84 of 100 | 0 |"


@pytest.mark.parametrize(("code", "failures"), [(77, []), (0, ["crash-1"])])
def test_a_run_that_failed_is_not_sound(code, failures):
    assert Outcome("ndef", 1, 1.0, 1, [], 0, Path()).is_sound
    assert not Outcome("ndef", 1, 1.0, 1, [Path(f) for f in failures], code, Path()).is_sound


def test_lines_are_counted_that_an_input_reaches():
    target = load("ndef")
    none, there = measure(target, [])
    some, _ = measure(target, [ndef.message(b"\xfa\xc1")])
    assert (none, there) == (0, there)
    assert 10 < some < there


def test_an_input_is_replayed(tmp_path):
    (tmp_path / "file").write_bytes(ndef.message(b"\xfa\xc1"))
    done = fuzz("ndef", "--replay", tmp_path / "file")
    assert (done.returncode, done.stdout) == (0, "ndef: 29 bytes are accepted\n"), done.stderr


def test_failures_are_not_written_into_the_repository():
    done = fuzz("ndef", "--runs", 1, "--out", ROOT / "fuzz")
    assert done.returncode == 2
    assert "outside the repository" in done.stderr


PLANTED = """
import sys
from stc.carriers import ndef
from stc.errors import FormatError
real = ndef.read
def read(data):
    if data[:1] == b"\\xfe":
        raise KeyError("planted")
    return real(data)
ndef.read = read
"""


@pytest.mark.gate
def test_a_planted_failure_is_found_and_told(tmp_path):
    pytest.importorskip("atheris")
    (tmp_path / "plants").mkdir()
    (tmp_path / "plants" / "sitecustomize.py").write_text(PLANTED)
    own = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "plants"), os.environ["PYTHONPATH"]])}
    command = [sys.executable, "-m", "fuzz", "ndef", "--runs", "2000", "--out", tmp_path / "out"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **own}
    )
    assert done.returncode == 1, done.stderr
    (found,) = (tmp_path / "out" / "ndef").glob("crash-*")
    assert f"python -m fuzz ndef --replay {found}" in done.stderr
    assert found.read_bytes()[:1] == b"\xfe"


@pytest.mark.gate
def test_a_sound_target_runs_as_long_as_it_is_told(tmp_path):
    pytest.importorskip("atheris")
    done = fuzz("ndef", "--runs", 500, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("| ndef | 500 |")
