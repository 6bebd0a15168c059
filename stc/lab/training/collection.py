"""Training data of the tokenizer of residual stages: sets of faces, and augmented views."""

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
from stc.lab.training.data import face_tars, read_tar

_BATCH = 256  # faces that are augmented at a time


@dataclass(frozen=True)
class FaceSet:
    """A tar file of faces, and how often an epoch uses them."""

    tar: str  # the file's name without extension
    views: int = 1  # pictures of each face: the original and `views` - 1 augmented views
    times: int = 1  # how often an epoch uses each of these pictures

    def __post_init__(self) -> None:
        if min(self.views, self.times) < 1:
            raise ValueError(
                f"{self.tar}: views and times must be at least 1, not {self.views} and {self.times}"
            )


@dataclass(frozen=True)
class DataPlan:
    """Which faces of the data folder a run uses."""

    sets: tuple[FaceSet, ...] = ()  # if empty, all tar files of the folder but *_256.tar
    held_out: int = 100  # every `held_out`-th face is for validation, and has no views

    def __post_init__(self) -> None:
        if self.held_out < 2:
            raise ValueError(f"held_out must be at least 2, not {self.held_out}")


@dataclass(frozen=True)
class Collection:
    """N pictures of faces: first the originals, then augmented views of the training faces."""

    pixels: npt.NDArray[np.uint8]  # [N, 128, 128, 4]; alpha 0 marks filled pixels
    repeats: npt.NDArray[np.int64]  # [N] how often an epoch uses each
    held: npt.NDArray[np.bool_]  # [N] whether a picture is for validation

    def __len__(self) -> int:
        return len(self.pixels)


def plain(pixels: npt.NDArray[np.uint8], plan: DataPlan) -> Collection:
    """A collection of faces [N, 128, 128, 4] without views, each used once in an epoch.

    Raises StcError if the plan names sets.
    """
    if plan.sets:
        raise StcError(f"--data must be a folder of tar files, to find {plan.sets[0].tar}.tar")
    held = np.arange(len(pixels)) % plan.held_out == 0
    return Collection(pixels, np.ones(len(pixels), np.int64), held)


def collect(folder: Path, plan: DataPlan, cache: Path, seed: int) -> Collection:
    """The collection of a plan's sets from a folder of tar files.

    cache: the .npy file from which pictures are memory-mapped; it is written if it is missing.
    seed: of the augmentation. Raises StcError if a set is missing, or the cache has another number
    of pictures.
    """
    sets, paths = _sets(folder, plan)
    sizes = [len(members(path)) for path in paths]
    times = np.repeat([own.times for own in sets], sizes)
    more = np.repeat([own.views - 1 for own in sets], sizes)
    held = np.arange(sum(sizes)) % plan.held_out == 0
    # Held-out faces have no views, as validation should measure every face once.
    source = np.repeat(np.arange(len(held)), np.where(held, 0, more))
    if not cache.exists():
        _write(paths, sizes, source, cache, seed)
    pixels = np.load(cache, mmap_mode="r")
    repeats = np.concatenate([times, times[source]]).astype(np.int64)
    if len(pixels) != len(repeats):
        raise StcError(f"{cache} has {len(pixels)} pictures, but the data has {len(repeats)}")
    return Collection(pixels, repeats, np.concatenate([held, np.zeros(len(source), np.bool_)]))


def held_out(folder: Path, plan: DataPlan) -> set[str]:
    """The names of a plan's validation faces: "SET/MEMBER", without file extensions.

    Raises StcError if a set is missing in the folder.
    """
    names = [f"{path.stem}/{name}" for path in _sets(folder, plan)[1] for name in members(path)]
    return set(names[:: plan.held_out])


def _sets(folder: Path, plan: DataPlan) -> tuple[tuple[FaceSet, ...], list[Path]]:
    """The sets of a plan and their tar files. Raises StcError if one is missing."""
    sets = plan.sets or tuple(FaceSet(path.stem) for path in face_tars(folder))
    paths = [folder / f"{own.tar}.tar" for own in sets]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise StcError(f"{folder} has no {missing[0]}")
    if not paths:
        raise StcError(f"no tar files in {folder}")
    return sets, paths


def _write(
    paths: list[Path], sizes: list[int], source: npt.NDArray[np.int64], cache: Path, seed: int
) -> None:
    """Write all faces of the tar files, then one view of each face in `source`, as one array."""
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
    """The names of the pictures in a tar file, without file extensions, in the file's order."""
    with tarfile.open(path) as tar:
        # Links too, as `read_tar` follows them: tar stores equal files as hard links.
        found = [own.name for own in tar if own.isfile() or own.islnk() or own.issym()]
    return [str(Path(name).with_suffix("")) for name in found]
