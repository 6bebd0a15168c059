"""What a run of the level-ordered tokenizer learns from: sets of faces, and views of them."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.errors import StcError
from stc.gallery.progress import hidden
from stc.lab.training.augment import random_views
from stc.lab.training.data import read_tar

_BATCH = 256  # faces of which views are made at a time


@dataclass(frozen=True)
class FaceSet:
    """A tar file of faces, and how much they count."""

    tar: str  # its name without the ending
    views: int = 1  # pictures of each face: as it is, and random views of it beyond that
    times: int = 1  # how often an epoch shows each of these

    def __post_init__(self) -> None:
        if min(self.views, self.times) < 1:
            raise ValueError(f"{self.tar} has {self.views} views {self.times} times")


@dataclass(frozen=True)
class DataPlan:
    """Which faces of the data folder a run learns from."""

    sets: tuple[FaceSet, ...] = ()  # all tar files of the folder if none is named
    held_out: int = 100  # every 100th face is for validation, and has no views

    def __post_init__(self) -> None:
        if self.held_out < 2:
            raise ValueError(f"held_out must be at least 2, not {self.held_out}")


@dataclass(frozen=True)
class Collection:
    """N pictures of faces: first every face as it is, then views of those that are trained on."""

    pixels: npt.NDArray[np.uint8]  # [N, 128, 128, 4], alpha 0 where no camera saw anything
    repeats: npt.NDArray[np.int64]  # [N] how often an epoch shows each
    held: npt.NDArray[np.bool_]  # [N] which are for validation

    def __len__(self) -> int:
        return len(self.pixels)


def plain(pixels: npt.NDArray[np.uint8], plan: DataPlan) -> Collection:
    """Faces [N, 128, 128, 4] as they are, once each. Raises StcError if the plan names sets."""
    if plan.sets:
        raise StcError(f"--data must be a folder of tar files, to find {plan.sets[0].tar}.tar")
    held = np.arange(len(pixels)) % plan.held_out == 0
    return Collection(pixels, np.ones(len(pixels), np.int64), held)


def collect(folder: Path, plan: DataPlan, cache: Path, seed: int) -> Collection:
    """The sets of a plan from a folder of tar files, their pictures memory-mapped from `cache`.

    seed: of the random views. Raises StcError for a set that the folder does not hold.
    """
    sets, paths = _sets(folder, plan)
    sizes = [len(members(path)) for path in paths]
    times = np.repeat([own.times for own in sets], sizes)
    more = np.repeat([own.views - 1 for own in sets], sizes)
    held = np.arange(sum(sizes)) % plan.held_out == 0
    # A view of a face that is held out is no new face.
    source = np.repeat(np.arange(len(held)), np.where(held, 0, more))
    if not cache.exists():
        _write(paths, sizes, source, cache, seed)
    pixels = np.load(cache, mmap_mode="r")
    repeats = np.concatenate([times, times[source]]).astype(np.int64)
    if len(pixels) != len(repeats):
        raise StcError(f"{cache} has {len(pixels)} pictures where the data has {len(repeats)}")
    return Collection(pixels, repeats, np.concatenate([held, np.zeros(len(source), np.bool_)]))


def held_out(folder: Path, plan: DataPlan) -> set[str]:
    """Which faces of a folder a plan keeps for validation: "SET/MEMBER", without the ending.

    Raises StcError for a set that the folder does not hold.
    """
    names = [f"{path.stem}/{name}" for path in _sets(folder, plan)[1] for name in members(path)]
    return set(names[:: plan.held_out])


def _sets(folder: Path, plan: DataPlan) -> tuple[tuple[FaceSet, ...], list[Path]]:
    """The sets of a plan and their tar files. Raises StcError for one that is missing."""
    found = sorted(path for path in folder.glob("*.tar") if not path.stem.endswith("_256"))
    sets = plan.sets or tuple(FaceSet(path.stem) for path in found)
    paths = [folder / f"{own.tar}.tar" for own in sets]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise StcError(f"{folder} holds no {missing[0]}")
    if not paths:
        raise StcError(f"no tar files in {folder}")
    return sets, paths


def _write(
    paths: list[Path], sizes: list[int], source: npt.NDArray[np.int64], cache: Path, seed: int
) -> None:
    """All faces of the tar files, then one view of each face in `source`, as one array."""
    partial, number = cache.with_suffix(".partial.npy"), sum(sizes)
    shape = (number + len(source), CANVAS, CANVAS, 4)
    pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
    row = 0
    for path in tqdm(paths, desc="reading faces", disable=hidden()):
        for face in read_tar(path):
            pixels[row] = face
            row += 1
    generator = torch.Generator().manual_seed(seed)
    for start in tqdm(range(0, len(source), _BATCH), desc="views", disable=hidden()):
        rows = source[start : start + _BATCH]
        pixels[number + start :][: len(rows)] = random_views(pixels[rows], generator)
    pixels.flush()
    partial.replace(cache)


def members(path: Path) -> list[str]:
    """The names of the pictures in a tar file, without their endings."""
    with tarfile.open(path) as tar:
        return [str(Path(member.name).with_suffix("")) for member in tar if member.isfile()]
