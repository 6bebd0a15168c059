"""Trains the tokenizer of residual stages (levels), the one of the shipped models.

fit       components, the metric of identity, codebooks
decoder   the decoder
upscaler  the upscaler to 256 pixels; only if the configuration gives it steps
export    probability tables and the model file
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stc.codec.model_file import open_model
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.codec.torch.upscaler import Upscaler
from stc.errors import StcError
from stc.lab.training.adversarial import AdversarialTrainer
from stc.lab.training.collection import Collection
from stc.lab.training.config import LevelsRun
from stc.lab.training.data import fills_canvas
from stc.lab.training.export import export
from stc.lab.training.fit import Fitted, fit
from stc.lab.training.packing import Arrays
from stc.lab.training.render import Faces, RenderTrainer, embed
from stc.lab.training.run import RunFolder
from stc.lab.training.stages import Sources
from stc.lab.training.upscaling import UpscalerTrainer


def train_levels(
    config: LevelsRun,
    sources: Sources,
    path: Path,
    *,
    output: Path,
    only: str | None = None,
) -> None:
    """Run all stages, or only stage `only`, in the folder `path`, and write the model file.

    output: the model file; its stem is the name of the model. Raises StcError if data, a network's
    file or the result of an earlier stage is missing.
    """
    if only is not None and only not in config.stages:
        raise StcError(f"no stage {only!r} in this run: there are {', '.join(config.stages)}")
    if sources.recogniser is None or sources.lpips is None:
        raise StcError("this run needs --recogniser FILE and --lpips FILE")
    folder = RunFolder(path, config)
    faces = sources.collection(config.data, path / "faces.npy", config.seed)
    torch.manual_seed(config.seed)
    if only in (None, "fit"):
        prepare(config, faces, sources, folder)
    for file in (folder.path / kept for kept in ("components.npy", "embeddings.npy")):
        if not file.exists():
            raise StcError(f"{path}: stage fit comes first; {file.name} is missing")
    if only == "fit":
        return
    trainer = build_trainer(config, faces, sources, folder)
    if only in (None, "decoder"):
        trainer.train()
    check_finished(path, trainer, config.decoder.steps)
    upscaler = None
    if config.upscaler.steps and only in (None, "upscaler", "export"):
        stage = build_upscaler(config, trainer.average, sources, folder)
        if only != "export":
            stage.train()
        check_finished(path, stage, config.upscaler.steps)
        upscaler = stage.average
    if only in (None, "export"):
        counted = fills_canvas(faces.pixels) & ~faces.held
        tokenizer, packed = load_fit(folder)
        model = export(
            output,
            output.stem,
            tokenizer,
            trainer.average,
            faces.pixels[counted],
            faces.repeats[counted],
            packed,
            upscaler,
        )
        print(f"{model.path}: {model.name}, fingerprint {model.fingerprint[:16]}")


def prepare(config: LevelsRun, faces: Collection, sources: Sources, folder: RunFolder) -> None:
    """Stage `fit`: the tokenizer, and the components and embeddings of all faces."""
    assert sources.recogniser is not None  # noqa: S101 - `train_levels` has checked it
    components, embeddings = (
        folder.path / "components.npy",
        folder.path / "embeddings.npy",
    )
    if not components.exists():
        fitted = fit(faces, sources.recognisers, config.fit)
        save_fit(folder, fitted)
        _save_array(components, fitted.components)
    if not embeddings.exists():
        _save_array(embeddings, embed(faces.pixels, sources.recogniser))


def build_trainer(
    config: LevelsRun, faces: Collection, sources: Sources, folder: RunFolder
) -> RenderTrainer:
    """The trainer of stage `decoder`, resumed from its checkpoint if there is one."""
    assert sources.recogniser is not None  # noqa: S101 - `train_levels` has checked both
    assert sources.lpips is not None  # noqa: S101
    torch.manual_seed(config.seed)
    decoder = Decoder() if config.start is None else load_modules(open_model(config.start))[1]
    learned = Faces(
        faces,
        np.load(folder.path / "components.npy", mmap_mode="r"),
        np.load(folder.path / "embeddings.npy"),
    )
    return RenderTrainer(
        load_fit(folder)[0],
        decoder,
        learned,
        sources.recogniser,
        sources.lpips,
        config.decoder,
        folder.path,
    )


def build_upscaler(
    config: LevelsRun, decoder: Decoder, sources: Sources, folder: RunFolder
) -> UpscalerTrainer:
    """The trainer of stage `upscaler`, resumed from its checkpoint if there is one.

    decoder: the trained one. Raises StcError if the data has no faces of 256 pixels.
    """
    assert sources.lpips is not None  # noqa: S101 - `train_levels` has checked it
    torch.manual_seed(config.seed)
    return UpscalerTrainer(
        load_fit(folder)[0],
        decoder,
        Upscaler(features=decoder.widths[-1]),
        sources.portraits(config.data),
        list(sources.recognisers),
        sources.lpips,
        config.upscaler,
        folder.path,
    )


def check_finished(path: Path, trainer: AdversarialTrainer, steps: int) -> None:
    """Raise StcError if a stage has not made all of its steps."""
    if trainer.step < steps:
        raise StcError(
            f"{path}: stage {trainer.stage} comes first and has made {trainer.step} of "
            f"{steps} steps"
        )


def save_fit(folder: RunFolder, fitted: Fitted) -> None:
    """Write a fitted tokenizer and its packed matrices to fit.pt."""
    tokenizer = fitted.tokenizer
    packed = {name: torch.from_numpy(np.array(array)) for name, array in fitted.packed.items()}
    shapes = [tuple(shape) for shape in tokenizer.shapes]
    folder.save(
        "fit",
        {
            "state": tokenizer.state_dict(),
            "groups": tokenizer.groups,
            "shapes": shapes,
            "packed": packed,
        },
    )


def load_fit(folder: RunFolder) -> tuple[LevelTokenizer, Arrays]:
    """Read the tokenizer, frozen, and the packed matrices that `save_fit` has written.

    Raises StcError if fit.pt is missing.
    """
    kept: dict[str, Any] | None = folder.load("fit")
    if kept is None:
        raise StcError(f"{folder.path}: stage fit comes first; fit.pt is missing")
    components = kept["state"]["basis"].shape[1]
    tokenizer = LevelTokenizer(components, kept["groups"], kept["shapes"])
    tokenizer.load_state_dict(kept["state"])
    packed = {name: tensor.numpy() for name, tensor in kept["packed"].items()}
    return tokenizer.eval().requires_grad_(False), packed


def _save_array(path: Path, array: npt.NDArray[np.float16]) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(path)
