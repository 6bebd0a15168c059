"""The runner passes a decoder that knows all answers, and none that makes a mistake."""

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.cases import StaleVectorsError, is_a, left_out, read_cases

ORACLE = str(Path(__file__).with_name("oracle.py"))
# One of every kind: with planes and a picture, bare, malformed, with a malformed model.
NAMES = {"tiny-packed-whole", "cut", "model-mean", "tiny-plain-empty-bare"}


@pytest.fixture
def few(monkeypatch):
    cases = [case for case in read_cases() if case.name in NAMES]
    assert len(cases) == len(NAMES)
    monkeypatch.setattr("conformance.__main__.read_cases", lambda models: cases)
    monkeypatch.setattr("conformance.__main__.left_out", lambda models: [])
    return cases


def run(mistake, *options):
    words = ["{model}", "{file}", "{folder}", "{bare}"]
    return main([*options, sys.executable, ORACLE, mistake, *words])


def test_a_right_decoder_passes(few, capsys):
    assert run("none") == 0
    shown = capsys.readouterr().out
    assert "4 cases, all pass" in shown
    assert "tokens   2 passed" in shown
    assert "error    2 passed" in shown
    assert "detail   1 not shown" in shown


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ("pixel", "picture: off by 2 in 1 of 49152"),
        ("planes", "planes: off by 0.001 in 1 of 6144"),
        ("not a number", "planes: off by nan in 1 of 6144"),
        ("token", "tokens: token 138 is"),
        ("one token fewer", "tokens: 138 tokens, not 139"),
        ("group", "tokens: group 3, not 2"),
        ("refuses", "tokens: refused: CorruptError"),
        ("takes all", "error: accepted, where CorruptError belongs"),
        ("wrong error", "error: BadMagicError, not CorruptError"),
        ("shows nothing", "picture: neither tokens nor a picture"),
        ("no json", "result.json: "),
        ("crashes", "tokens: refused: exit status 1"),
    ],
)
def test_a_wrong_decoder_fails(few, capsys, mistake, found):
    assert run(mistake, "--failed") == 1
    assert found in capsys.readouterr().out


def test_refusals_without_a_name_are_counted_apart(few, capsys):
    assert run("says little") == 0
    assert "error    2 without a name" in capsys.readouterr().out


def test_a_decoder_that_does_not_end(few, capsys):
    assert run("hangs", "--limit-s", "0.2") == 1
    assert "refused: no end" in capsys.readouterr().out


def test_commands_that_cannot_be_run(few, capsys):
    assert main(["no-such-decoder", "{file}"]) == 2
    assert main([sys.executable, ORACLE]) == 2
    assert "has no {file}" in capsys.readouterr().err
    assert main(["--only", "no such case", sys.executable, "{file}"]) == 1


def test_kinds_of_cases(few, capsys):
    assert run("none", "--kind", "valid") == 0
    shown = capsys.readouterr().out
    assert "2 cases, all pass" in shown
    assert "error " not in shown.splitlines()[-2]
    assert run("none", "--kind", "error") == 0
    shown = capsys.readouterr().out
    assert "error    2 passed\n2 cases, all pass" in shown


def test_cases_that_are_left_out_are_counted(few, capsys, monkeypatch):
    other = replace(few[0], name="tiny-of-another", model=Path("/nowhere/m.safetensors"))
    monkeypatch.setattr("conformance.__main__.left_out", lambda models: [other, other])
    assert run("none") == 0
    shown = capsys.readouterr()
    assert "4 cases, none failed, 2 left out" in shown.out
    assert "all pass" not in shown.out
    assert "no model /nowhere/m.safetensors" in shown.err
    assert run("none", "--only", "cut") == 0
    assert "1 cases, all pass" in capsys.readouterr().out
    assert run("wrong error", "--failed") == 1
    assert "4 cases, 2 failed, 2 left out" in capsys.readouterr().out


MANIFEST = """{"models": {"m": {"path": "../m.safetensors", "sha256": "%s"}}, "malformed": [],
"valid": [{"name": "a", "why": "", "bare": false, "model": "m", "file": "f"}],
"malformed_models": []}"""


def test_vectors_of_another_model_are_not_used(tmp_path):
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "manifest.json").write_text(MANIFEST % "00")
    assert read_cases(folder) == []
    assert [case.name for case in left_out(folder)] == ["a"]
    (tmp_path / "m.safetensors").touch()
    assert left_out(folder) == []
    with pytest.raises(StaleVectorsError, match=r"conformance\.make"):
        read_cases(folder)


def test_shipped_models_may_lie_elsewhere(tmp_path):
    folder, models = tmp_path / "vectors", tmp_path / "models"
    folder.mkdir()
    models.mkdir()
    (models / "m.safetensors").write_bytes(b"model")
    (folder / "manifest.json").write_text(MANIFEST % sha256(b"model").hexdigest())
    assert read_cases(folder) == []
    (case,) = read_cases(folder, models)
    assert case.model == models / "m.safetensors"
    assert left_out(folder, models) == []
    # The small models are the vectors' own, wherever the others are.
    assert {case.model.parent.name for case in read_cases(models=models)} == {"models"}
    assert {case.name.partition("-")[0] for case in read_cases(models=models)} >= {"tiny", "model"}


def test_the_runner_needs_no_codec():
    code = "import sys, conformance.__main__; sys.exit('stc' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_errors():
    assert is_a("WrongModelError", "ModelError")
    assert not is_a("ModelError", "WrongModelError")
    assert not is_a("TruncatedError", "CorruptError")
    assert not is_a("ValueError", "StcError")
