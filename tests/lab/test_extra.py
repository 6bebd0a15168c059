"""Without a library of the extra `lab` there is one line that names it, and no traceback."""

import subprocess
import sys

import pytest

from stc.errors import MissingExtraError
from stc.lab.extra import needs_lab, run_command

# As if torch were not installed: `stc` or a module, with the words that follow.
WITHOUT_TORCH = """\
import runpy, sys
sys.modules["torch"] = None
name, *words = sys.argv[1:]
sys.argv = [name, *words]
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("name", ["onnx", "onnx.helper"])
def test_a_missing_library_is_named_by_its_package(name):
    line = r"^onnx is missing: pip install 'stc-face-codec\[lab\]'$"
    with pytest.raises(MissingExtraError, match=line), needs_lab():
        raise ModuleNotFoundError(name=name)


@pytest.mark.parametrize("name", ["stc.lab.nothing", None])
def test_a_fault_of_our_own_is_not_hidden(name):
    with pytest.raises(ModuleNotFoundError), needs_lab():
        raise ModuleNotFoundError(name=name)


@pytest.mark.parametrize("program", ["ablation", "prior"])
def test_a_missing_folder_is_one_line(program, monkeypatch, tmp_path):
    pytest.importorskip("torch")
    words = f"x --data {tmp_path} --run {tmp_path} --faces x --pairs x -o {tmp_path}/x"
    if program == "prior":
        words = f"x --data {tmp_path} --faces x -o {tmp_path}/x"
    monkeypatch.setattr(sys, "argv", words.split())
    with pytest.raises(SystemExit, match=r"^error: no tar files in"):
        run_command(f"stc.lab.{program}.command")


@pytest.mark.parametrize(
    "words",
    [
        "stc train grid --data {here} --run {here}/run",
        "stc evaluate --pairs {here} --judge dlib -o {here}/out",
        "stc.lab.ablation --data {here} --run x --faces x --pairs x -o x",
        "stc.lab.prior --data {here} --faces x -o x",
    ],
)
def test_every_door_says_so(words, tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words.format(here=tmp_path).split()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == (12 if words.startswith("stc ") else 1)
    assert found.stderr.endswith("error: torch is missing: pip install 'stc-face-codec[lab]'\n")
    assert found.stderr.count("\n") == 1
