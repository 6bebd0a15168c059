"""Runs all stages of the training of a base tokenizer.

    base      encoder, decoder and one codebook (the paper uses a published tokenizer); for the
              patch tokenizer, principal components and k-means
    shared    G codebooks for all tokens, and the router, on frozen latents
    specific  G codebooks for each token, and the router
    decoder   the decoder only, on pictures
    joint     all parts together; only if the configuration gives it steps

The stages shared, specific and decoder are those of STSCQ (arXiv 2510.22943, section 3).
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from stc.errors import StcError
from stc.lab.training.base_stage import BaseTraining
from stc.lab.training.codebooks import CodebookTraining
from stc.lab.training.collection import Collection, DataPlan, collect, plain
from stc.lab.training.config import PatchFit, TokenizerRun
from stc.lab.training.data import load_faces
from stc.lab.training.latents import Latents, latents_of
from stc.lab.training.launch import launcher
from stc.lab.training.loop import Stage, run_stage
from stc.lab.training.networks import Lpips, Panel, Recogniser
from stc.lab.training.objective import Objective
from stc.lab.training.patch_stage import PatchTraining
from stc.lab.training.pictures import Pictures
from stc.lab.training.run import RunFolder, as_json
from stc.lab.training.system import System
from stc.lab.training.tuning import DecoderTraining, JointTraining
from stc.lab.training.upscaling import Portraits

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class Sources:
    """The files of a run's data and of the networks in its losses, which are loaded when needed."""

    data: Path  # a folder of tar files, or faces.npy of an earlier run
    recogniser_files: tuple[Path, ...] = ()
    lpips_file: Path | None = None

    def faces(self, cache: Path) -> npt.NDArray[np.uint8]:
        """All faces uint8 [N, 128, 128, 4], memory-mapped; cache: as in `load_faces`.

        Raises StcError if the data is malformed, FileNotFoundError if the folder has no tar files.
        """
        try:
            if self.data.suffix == ".npy":
                faces: npt.NDArray[np.uint8] = np.load(self.data, mmap_mode="r")
            else:
                faces = load_faces(self.data, cache)
        except (ValueError, tarfile.TarError) as error:
            raise StcError(f"{self.data}: {error}") from error
        if faces.ndim != 4 or faces.shape[1:] != (128, 128, 4) or len(faces) < 2:
            raise StcError(f"{self.data}: faces must be [N, 128, 128, 4], not {faces.shape}")
        return faces

    def collection(self, plan: DataPlan, cache: Path, seed: int) -> Collection:
        """The faces of a plan, and views of them; cache, seed: as in `collection.collect`.

        Raises StcError if sets are missing or malformed.
        """
        if self.data.suffix == ".npy":
            return plain(self.faces(cache), plan)
        try:
            return collect(self.data, plan, cache, seed)
        except (ValueError, tarfile.TarError) as error:
            raise StcError(f"{self.data}: {error}") from error

    def portraits(self, plan: DataPlan) -> Portraits:
        """The faces of a plan at 256 pixels. Raises StcError if they are missing or malformed."""
        try:
            return Portraits.read(self.data, plan)
        except (ValueError, tarfile.TarError) as error:
            raise StcError(f"{self.data}: {error}") from error

    @cached_property
    def recognisers(self) -> list[Recogniser]:
        """The recognition models. Raises StcError if a file is missing or not supported."""
        try:
            return [Recogniser(_there(path)) for path in self.recogniser_files]
        except ValueError as error:
            raise StcError(str(error)) from error

    @cached_property
    def recogniser(self) -> Panel | None:
        """All recognition models as one; None if there are none."""
        return Panel(self.recognisers) if self.recogniser_files else None

    @cached_property
    def lpips(self) -> Lpips | None:
        """LPIPS; None if no file is given. Raises StcError if the file is missing."""
        return None if self.lpips_file is None else Lpips(_there(self.lpips_file))


def train(
    config: TokenizerRun,
    sources: Sources,
    path: Path,
    *,
    only: str | None = None,
    base: Path | None = None,
) -> System:
    """Run all stages, or only stage `only`, in the folder `path`; finished stages are skipped.

    base: the folder of another run, whose base tokenizer is used instead of training one. Returns
    the trained system. Raises StcError if settings, files or earlier stages do not fit, and
    KeyboardInterrupt after an interruption, when a checkpoint has been written.
    """
    if only is not None and only not in config.stages:
        raise StcError(f"no stage {only!r} in this run: there are {', '.join(config.stages)}")
    folder = RunFolder(path, config)
    home = folder if base is None else _shared_base(base, config)
    accelerator = launcher(config.precision)
    if accelerator.is_main_process:
        sources.faces(home.path / "faces.npy")
    accelerator.wait_for_everyone()
    pictures = Pictures.split(sources.faces(home.path / "faces.npy"), config.held_out)
    torch.manual_seed(config.seed)
    system = System(config)
    todo = config.stages if only is None else (only,)
    if only is not None:
        system.load_stages(folder, home, only)
    for name in todo:
        if name == "base" and home is not folder:
            system.get_submodule("tokenizer").load_state_dict(home.weights("base")["tokenizer"])
            system.quantizer.load_state_dict(home.weights("base")["quantizer"])
            continue
        stage = _stage(name, system, pictures, sources, home, accelerator)
        run_stage(stage, folder, accelerator, config.seed)
        accelerator.free_memory()
    return system.eval().requires_grad_(False)


def load_system(config: TokenizerRun, path: Path, base: Path | None = None) -> System:
    """The trained system of a run. Raises StcError if the run is not finished.

    path, base: as for `train`.
    """
    folder = RunFolder(path, config)
    system = System(config)
    system.load_stages(folder, folder if base is None else _shared_base(base, config), "")
    return system.eval().requires_grad_(False)


def _stage(
    name: str,
    system: System,
    pictures: Pictures,
    sources: Sources,
    home: RunFolder,
    accelerator: Accelerator,
) -> Stage:
    config = system.config
    if name in ("shared", "specific"):
        plan = config.shared if name == "shared" else config.specific
        latents = _latents(system, pictures, home, accelerator)
        return CodebookTraining(name, system, pictures, latents, plan, accelerator)
    judges = (sources.recogniser, sources.lpips, accelerator)
    if name == "base":
        if isinstance(config.base, PatchFit):
            return PatchTraining(system, pictures, config.base, accelerator)
        objective = Objective(config.base, *judges)
        return BaseTraining(system, pictures, config.base, objective, accelerator)
    if name == "joint":
        objective = Objective(config.joint, *judges)
        return JointTraining(system, pictures, config.joint, objective, accelerator)
    latents = _latents(system, pictures, home, accelerator)
    objective = Objective(config.decoder, *judges)
    own = (system, pictures, config.decoder, objective, accelerator)
    return DecoderTraining(*own, latents=latents)


def _latents(
    system: System, pictures: Pictures, home: RunFolder, accelerator: Accelerator
) -> Latents:
    system.to(accelerator.device)
    return latents_of(system, pictures.faces, home.path / "latents.npy", accelerator)


def _shared_base(path: Path, config: TokenizerRun) -> RunFolder:
    """The folder of another run. Raises StcError if its base tokenizer is configured otherwise."""
    kept = path / "config.json"
    if not kept.exists():
        raise StcError(f"{path} is not the folder of a run: it has no config.json")
    found, wanted = json.loads(kept.read_text(encoding="utf-8")), as_json(config)
    for values in (found, wanted):
        values.get("base", {}).pop("steps", None)
        values["codewords"] = values.get("arrangement", {}).get("codewords")
    for key in ("family", "tokenizer", "codewords", "base", "held_out"):
        if found.get(key) != wanted[key]:
            raise StcError(f"the base tokenizer of {path} does not fit this run: its {key} differs")
    return RunFolder.existing(path)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise StcError(f"{path}: no such file")
    return path
