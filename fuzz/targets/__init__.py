"""The targets, one module each, with a `Target` named TARGET."""

from __future__ import annotations

from importlib import import_module

from fuzz.target import Target

NAMES = (
    "decode",
    "bare",
    "info",
    "model_header",
    "model_use",
    "records",
    "key",
    "revoked",
    "head",
    "index",
    "scores",
    "ndef",
    "base45",
    "carried",
    "qr",
    "picture",
    "shard",
)


def load(name: str) -> Target:
    """The target of a name in NAMES. Raises ValueError for another name."""
    if name not in NAMES:
        raise ValueError(f"no target {name!r}; there are {', '.join(NAMES)}")
    target: Target = import_module(f"fuzz.targets.{name}").TARGET
    return target
