"""Protection with a recognition model in ONNX needs only numpy, ONNX Runtime and Pillow."""

import subprocess
import sys

import pytest

from tests.recognition.stand_ins import write_toy

# Runs first in a new process: none of these modules can be imported after it.
BLOCK = """
import sys

class Blocked:
    names = {"torch", "triton", "onnx", "safetensors", "dlib", "cv2", "scipy"}
    names |= {"tomli"} if sys.version_info >= (3, 11) else set()

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""

LIBRARY = """
import numpy as np
import stc.protection
import stc.recognition.onnx
from stc.protection import Gallery, Key, match, match_many, protect
from stc.protection.extractors import open_extractor

faces = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
faces = faces.repeat(16, 1).repeat(16, 2)
key = Key.generate()
for head in (None, "plain", head_file):
    extractor = open_extractor(f"toy={network}", head)
    templates = [extractor.template(face) for face in faces]
    records = [protect(one, key, i) for i, one in enumerate(templates)]
    records = [type(one).from_bytes(one.to_bytes()) for one in records]
    assert match(templates[0], records[0], key) > 0.95
    assert match_many(templates[2], Gallery.of(records), key).argmax() == 2
"""

COMMANDS = """
from stc.cli.main import main

def run(*words, code=0):
    assert main(["protect", *words]) == code, words

own = ("--key", f"{folder}/k", "--recogniser", f"toy={network}")
face, record = "tests/assets/astronaut.png", f"{folder}/a.stp"
run("keygen", "-o", f"{folder}/k")
run("enroll", face, "-o", record, *own)
run("match", face, record, *own, "--threshold", "0.9")
run("renew", face, record, *own, "--revoked", f"{folder}/r", "-o", f"{folder}/b.stp")
run("info", f"{folder}/b.stp")
run("index", f"{folder}/b.stp", "--key", f"{folder}/k", "-o", f"{folder}/b.stg")
run("match", face, f"{folder}/b.stg", *own, "--threshold", "0.9")
run("enroll", face, "-o", f"{folder}/c.stp", "--key", f"{folder}/k", code=12)
"""

LOADED = """
loaded = {name.partition(".")[0] for name in sys.modules} & Blocked.names
assert not loaded, loaded
assert not any(name.startswith("stc.lab") for name in sys.modules)
"""


@pytest.fixture
def run(tmp_path):
    from stc.protection.head_file import save_head
    from stc.recognition.onnx import Onnx
    from tests.protection.conftest import random_head

    network, head = tmp_path / "toy.onnx", tmp_path / "head.safetensors"
    write_toy(network)
    key, mean = Onnx("toy", network).key, random_head((1, 1, 1)).arrays["place"]
    save_head(head, random_head((4, 7, 7)), key, mean, {})

    def run(code):
        known = f"network, head_file, folder = {str(network)!r}, {str(head)!r}, {str(tmp_path)!r}\n"
        return subprocess.run(
            [sys.executable, "-c", BLOCK + known + code + LOADED],
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_the_library(run):
    result = run(LIBRARY)
    assert result.returncode == 0, result.stderr


def test_the_commands(run):
    result = run(COMMANDS)
    assert result.returncode == 0, result.stderr
    hint = "pip install 'stc-face-codec[protection]'"
    assert f"the recogniser dlib needs dlib: {hint}" in result.stderr


def test_what_is_blocked_is_blocked(run):
    assert "No module named 'torch'" in run("import torch").stderr
