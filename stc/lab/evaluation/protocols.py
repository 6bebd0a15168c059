"""Verification protocols: pair lists in several file formats, with their faces as canvases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stc.errors import DataError
from stc.lab.evaluation.cfp import find_splits, read_cfp
from stc.lab.evaluation.insightface import on_canvas, read_bin
from stc.lab.evaluation.pictures import read_faces
from stc.lab.evaluation.verification import Pairs, read_pairs


@dataclass(frozen=True)
class Protocol:
    """A named list of pairs, and the faces of all its pictures."""

    name: str
    pairs: Pairs
    faces: npt.NDArray[np.uint8]  # [N, 128, 128, 3], in the order of the pairs' names


def read_protocols(path: Path, images: Path | None, limit: int | None = None) -> list[Protocol]:
    """Read the protocols of a file or folder: pairs and faces.

    path: LFW's pairs.txt, a `.bin` file of InsightFace, or a folder of CFP's protocol (FF, FP, or
        both).
    images: folder or tar file of the pictures; not used for a `.bin` file, which contains them.
    limit: the maximal number of pairs; an even sample that keeps the balance of folds and labels.
    Raises DataError if a file is missing or malformed, or a picture is missing or ambiguous.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix == ".bin":
        pairs, pictures = read_bin(path)
        pairs = pairs if limit is None else pairs.take(limit)
        faces = np.stack([on_canvas(pictures[int(name)]) for name in pairs.names])
        return [Protocol(path.stem, pairs, faces)]
    if images is None:
        raise DataError(f"{path} contains no pictures: give their folder or tar file as --images")
    if path.is_dir():
        splits = find_splits(path)
        if not splits:
            raise DataError(f"{path}: no folder Split/FF or Split/FP of CFP's protocol")
        lists = [(f"cfp_{split.name.lower()}", read_cfp(split)) for split in splits]
    else:
        lists = [(path.stem.removesuffix("_pairs"), read_pairs(path))]
    found = []
    for name, pairs in lists:
        own = pairs if limit is None else pairs.take(limit)
        found.append(Protocol(name, own, read_faces(images, own.names)))
    return found
