"""The Triton kernels in Triton's own interpreter."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

import numpy as np
import triton

OLD = [int(part) for part in triton.__version__.split(".")[:2]] < [3, 7]
NEW_NUMPY = [int(part) for part in np.__version__.split(".")[:2]] >= [2, 4]


@pytest.mark.skipif(OLD and NEW_NUMPY, reason="the interpreter of triton 3.6 fails on numpy 2.4")
def test_the_interpreter_agrees_with_the_definition():
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.triton.interpreted"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all agree\n"
