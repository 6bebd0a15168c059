"""Opens codecs by the names that the command line uses."""

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
    """Open a codec: `stc`, `stc:N` (STC at effort N), NAME=FOLDER (a training run), or a rival.

    model, bare, effort: arguments of `StcCodec`; the others ignore them. Raises StcError if the
    name is unknown or the codec cannot run on this machine.
    """
    if name == "stc":
        return StcCodec(model, bare, effort)
    if name.startswith("stc:"):
        other = int(name.removeprefix("stc:"))
        return StcCodec(model, effort=other, name=f"stc effort {other}")
    if "=" in name:
        return Trained(name)
    return open_rival(name)
