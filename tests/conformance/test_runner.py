"""The runner passes a decoder that knows all answers, and none that makes a mistake."""

import subprocess
import sys
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
    monkeypatch.setattr("conformance.__main__.read_cases", lambda: cases)


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
    assert run("hangs", "--seconds", "0.2") == 1
    assert "refused: no end" in capsys.readouterr().out


def test_commands_that_cannot_be_run(few, capsys):
    assert main(["no-such-decoder", "{file}"]) == 2
    assert main([sys.executable, ORACLE]) == 2
    assert "has no {file}" in capsys.readouterr().err
    assert main(["--only", "no such case", sys.executable, "{file}"]) == 1


def test_vectors_of_another_model_are_not_used(tmp_path):
    (tmp_path / "manifest.json").write_text(
        '{"models": {"m": {"path": "m.safetensors", "sha256": "00"}}, "malformed": [],'
        '"valid": [{"name": "a", "model": "m", "file": "f"}], "malformed_models": []}'
    )
    assert read_cases(tmp_path) == []
    assert left_out(tmp_path) == ["m"]
    (tmp_path / "m.safetensors").touch()
    with pytest.raises(StaleVectorsError, match=r"conformance\.make"):
        read_cases(tmp_path)


def test_the_runner_needs_no_codec():
    code = "import sys, conformance.__main__; sys.exit('stc' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_errors():
    assert is_a("WrongModelError", "ModelError")
    assert not is_a("ModelError", "WrongModelError")
    assert not is_a("TruncatedError", "CorruptError")
    assert not is_a("ValueError", "StcError")
