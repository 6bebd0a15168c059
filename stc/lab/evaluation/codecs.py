"""Codecs by the names that the command line has for them."""

from __future__ import annotations

from pathlib import Path

from stc.lab.evaluation.base import FaceCodec
from stc.lab.evaluation.own import StcCodec
from stc.lab.evaluation.rivals import open_rival
from stc.lab.evaluation.trained import Trained
from stc.settings import DEFAULT_EFFORT


def open_codec(
    name: str,
    model: str | Path | None = None,
    bare: bool = False,
    effort: int = DEFAULT_EFFORT,
) -> FaceCodec:
    """STC, STC of another effort as stc:N, a run as NAME=FOLDER, or the rival of that name.

    model, bare, effort: of STC, as for `StcCodec`. Raises StcError if it is unknown or cannot run
    here.
    """
    if name == "stc":
        return StcCodec(model, bare, effort)
    if name.startswith("stc:"):
        other = int(name.removeprefix("stc:"))
        return StcCodec(model, effort=other, name=f"stc effort {other}")
    if "=" in name:
        return Trained(name)
    return open_rival(name)
