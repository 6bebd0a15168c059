"""Runs so small that every stage of them takes a second."""

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
