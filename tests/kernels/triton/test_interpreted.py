"""The Triton kernels in Triton's own interpreter."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")


def test_the_interpreter_agrees_with_the_definition():
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.triton.interpreted"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all agree\n"
