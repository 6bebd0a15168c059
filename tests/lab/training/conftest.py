"""A run so small that every stage of it takes a second, and faces for it."""

import numpy as np
import pytest
from PIL import Image

from stc.lab.training.config import parse

TINY = {
    "about": "as small as it gets",
    "family": "grid",
    "routing": "learned",
    "precision": "fp32",
    "held_out": 6,
    "tokenizer": {"downsampling": 32, "stem": 8, "channels": 8, "dimensions": 4},
    "arrangement": {"kind": "switchable-token-specific", "codewords": 8, "groups": 2},
    "base": {"steps": 4, "batch": 4, "free": 1, "revive_every": 2, "save_every": 2},
    "shared": {"steps": 4, "batch": 16, "save_every": 2},
    "specific": {"steps": 4, "batch": 16, "save_every": 2, "explore": 0.3},
    "decoder": {"steps": 4, "batch": 4, "save_every": 2},
    "joint": {"steps": 4, "batch": 4, "save_every": 2},
}
for _stage in ("base", "decoder", "joint"):
    TINY[_stage] |= {"perception": 0.0, "identity": 0.0}


def tiny(**changes):
    """The tiny run with some of its values replaced."""
    return parse({**TINY, **changes}, "tiny")


def patches(**changes):
    """The tiny run on patches instead of a grid."""
    tokenizer = {"cells": 4, "dimensions": 12, "widths": [8, 8, 8, 8]}
    return tiny(**{"family": "patches", "tokenizer": tokenizer, "base": {}, **changes})


@pytest.fixture(scope="session")
def faces():
    """Smooth pictures, uint8 [24, 128, 128, 4]; the first row of every second was never seen."""
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (24, 5, 5, 3), dtype=np.uint8)
    pictures = np.full((24, 128, 128, 4), 255, np.uint8)
    for picture, pixels in zip(pictures, small, strict=True):
        picture[..., :3] = Image.fromarray(pixels).resize((128, 128), Image.Resampling.BILINEAR)
    pictures[::2, 0, :, 3] = 0
    return pictures


@pytest.fixture(scope="session")
def array(faces, tmp_path_factory):
    """The faces as the file that `--data` takes."""
    path = tmp_path_factory.mktemp("data") / "faces.npy"
    np.save(path, faces)
    return path
