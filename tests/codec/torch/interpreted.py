"""The codec with the Triton kernels, in Triton's interpreter, against the native codec.

Run by test_engine.py: TRITON_INTERPRET=1 python -m tests.codec.torch.interpreted
"""

import tempfile
from pathlib import Path

import numpy as np
from triton.runtime import interpreter

from stc.codec.codec import Codec
from stc.imaging import frame
from stc.kernels import triton as backend
from stc.kernels.registry import BACKENDS
from stc.kernels.torch import dispatch, packed
from tests.codec.small import first_levels
from tests.kernels.triton.interpreted import create_dot


def main() -> None:
    interpreter.InterpreterBuilder.create_dot = create_dot
    backend.chip = lambda: 80
    used = []
    for module in (dispatch, packed):  # who would say that there is no CUDA device
        module.choose = lambda *_, **__: used.append(1) or BACKENDS["triton"]
    canvas = frame("tests/assets/astronaut.png")
    faces = np.stack([canvas, canvas[:, ::-1]])
    with tempfile.TemporaryDirectory() as folder:
        model = first_levels(Path(folder) / "small.safetensors", 2, 2)
        native, device = Codec(model), Codec(model, device="torch")
        expected = [one.data for one in native.encode_batch(faces, max_bytes=40, effort=0)]
        found = [one.data for one in device.encode_batch(faces, max_bytes=40, effort=0)]
        assert found == expected, (found, expected)
        difference = native.decode_batch(found).astype(int) - device.decode_batch(found)
        assert np.abs(difference).max() <= 1
    assert len(used) > 10
    print("the same tokens")


if __name__ == "__main__":
    main()
