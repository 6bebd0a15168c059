"""The targets, one module each; a module's TARGET says what is called and what is promised."""

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
    "ndef",
    "base45",
    "carried",
    "qr",
    "picture",
    "shard",
)


def load(name: str) -> Target:
    """The target of that name. Raises ValueError if there is none."""
    if name not in NAMES:
        raise ValueError(f"no target {name!r}; there are {', '.join(NAMES)}")
    target: Target = import_module(f"fuzz.targets.{name}").TARGET
    return target
