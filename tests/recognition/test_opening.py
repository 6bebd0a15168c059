"""Opening a recognition model by name, and the error if its libraries are missing."""

import sys

import pytest

from stc.errors import MissingExtraError, StcError
from stc.recognition.onnx import Onnx
from stc.recognition.opening import open_recogniser
from tests.recognition.stand_ins import write_toy


def test_a_name_and_a_file(tmp_path):
    write_toy(tmp_path / "x.onnx")
    opened = open_recogniser(f"toy={tmp_path / 'x.onnx'}")
    assert isinstance(opened, Onnx)
    assert opened.name == "toy"


@pytest.mark.parametrize("text", ["arcface", "", "dlib="])
def test_another_text_is_refused(text):
    with pytest.raises(StcError, match=r"neither dlib nor NAME=FILE\.onnx"):
        open_recogniser(text)


@pytest.mark.parametrize("name", ["torch", "dlib"])
def test_what_is_missing_is_named_with_its_extra(name, monkeypatch):
    if name == "torch":
        pytest.importorskip("dlib")
    monkeypatch.delitem(sys.modules, "stc.recognition.dlib_network", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    hint = r"pip install 'stc-face-codec\[protection\]'"
    with pytest.raises(MissingExtraError, match=f"needs {name}: {hint}"):
        open_recogniser("dlib")
