"""A run of the level-ordered tokeniser, the one that ships.

fit      components, a recogniser's metric, codebooks
decoder  the decoder, and with it the quantizer
export   probability tables and the model file
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stc.codec.model_file import open_model
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.errors import StcError
from stc.lab.training.config import LevelsRun
from stc.lab.training.data import Repeat, fills_canvas
from stc.lab.training.export import export
from stc.lab.training.fit import fit
from stc.lab.training.render import Faces, RenderTrainer, embed
from stc.lab.training.run import RunFolder
from stc.lab.training.stages import Sources


def train_levels(
    config: LevelsRun,
    sources: Sources,
    path: Path,
    *,
    output: Path,
    only: str | None = None,
) -> None:
    """Run all stages, or only one, in the folder `path`, and write the model file `output`.

    The model is called what its file is. Raises StcError if something is missing, or an earlier
    stage is.
    """
    if only is not None and only not in config.stages:
        raise StcError(f"no stage {only!r} in this run: there are {', '.join(config.stages)}")
    if sources.recogniser is None or sources.lpips is None:
        raise StcError("this run needs --recogniser FILE and --lpips FILE")
    folder = RunFolder(path, config)
    pixels = sources.faces(path / "faces.npy")
    torch.manual_seed(config.seed)
    if only in (None, "fit"):
        prepare(config, pixels, sources, folder)
    for file in (folder.path / kept for kept in ("components.npy", "embeddings.npy")):
        if not file.exists():
            raise StcError(f"{path}: stage fit comes first; {file.name} is missing")
    if only == "fit":
        return
    trainer = build_trainer(config, pixels, sources, folder)
    if only in (None, "decoder"):
        trainer.train()
    if trainer.step < config.decoder.steps:
        raise StcError(
            f"{path}: stage decoder comes first and has made {trainer.step} of "
            f"{config.decoder.steps} steps"
        )
    if only in (None, "export"):
        filled = fills_canvas(pixels)
        model = export(
            output,
            output.stem,
            trainer.average_tokenizer,
            trainer.average,
            pixels[filled],
            trainer.faces.repeats[filled],
        )
        print(f"{model.path}: {model.name}, fingerprint {model.fingerprint[:16]}")


def prepare(
    config: LevelsRun, pixels: npt.NDArray[np.uint8], sources: Sources, folder: RunFolder
) -> None:
    """Stage `fit`: the tokeniser, and what it and the recogniser say of every face."""
    assert sources.recogniser is not None  # noqa: S101 - `train_levels` has asked for it
    components, embeddings = (
        folder.path / "components.npy",
        folder.path / "embeddings.npy",
    )
    if not components.exists():
        repeats = sources.repeats(times(config.fit.repeat), len(pixels))
        tokenizer, found = fit(pixels, repeats, sources.recogniser, config.fit)
        save_fit(folder, tokenizer)
        _save_array(components, found)
    if not embeddings.exists():
        _save_array(embeddings, embed(pixels, sources.recogniser))


def build_trainer(
    config: LevelsRun, pixels: npt.NDArray[np.uint8], sources: Sources, folder: RunFolder
) -> RenderTrainer:
    """The trainer of stage `decoder`, resumed from its checkpoint if there is one."""
    assert sources.recogniser is not None  # noqa: S101 - `train_levels` has asked for both
    assert sources.lpips is not None  # noqa: S101
    torch.manual_seed(config.seed)
    decoder = Decoder() if config.start is None else load_modules(open_model(config.start))[1]
    faces = Faces(
        pixels,
        np.load(folder.path / "components.npy", mmap_mode="r"),
        np.load(folder.path / "embeddings.npy"),
        sources.repeats(times(config.decoder.repeat), len(pixels)),
    )
    return RenderTrainer(
        load_fit(folder),
        decoder,
        faces,
        sources.recogniser,
        sources.lpips,
        config.decoder,
        folder.path,
    )


def times(repeat: Sequence[Repeat]) -> dict[str, int]:
    """How many times, by the name of the tar file."""
    return {own.tar: own.times for own in repeat}


def save_fit(folder: RunFolder, tokenizer: LevelTokenizer) -> None:
    """Keep a fitted tokeniser."""
    shapes = [(m.components, m.tokens, m.bits.shape[2], m.dimensions) for m in tokenizer.levels]
    folder.save("fit", {"state": tokenizer.state_dict(), "shapes": shapes})


def load_fit(folder: RunFolder) -> LevelTokenizer:
    """Read what `save_fit` kept; frozen. Raises StcError if there is nothing."""
    kept: dict[str, Any] | None = folder.load("fit")
    if kept is None:
        raise StcError(f"{folder.path}: stage fit comes first; fit.pt is missing")
    tokenizer = LevelTokenizer(kept["state"]["basis"].shape[1], 1, kept["shapes"])
    tokenizer.load_state_dict(kept["state"])
    return tokenizer.eval().requires_grad_(False)


def _save_array(path: Path, array: npt.NDArray[np.float16]) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(path)
