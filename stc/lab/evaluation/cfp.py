"""Pair lists in the format of CFP (Sengupta et al. 2016): frontal-frontal and frontal-profile.

A folder `Protocol` contains Pair_list_F.txt and Pair_list_P.txt, which number the frontal and the
profile pictures, and Split/FF and Split/FP with a folder for every fold. There, same.txt and
diff.txt have a line `i,j` for each pair; in FP, j numbers the profile pictures.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from stc.errors import DataError
from stc.lab.evaluation.verification import Pairs


def find_splits(path: Path) -> list[Path]:
    """The existing folders of Split/FF and Split/FP under `path`, or `path` if it is one of them.

    [] if `path` is no protocol of CFP.
    """
    for base in (path, path / "Split", path / "Protocol" / "Split"):
        found = [base / kind for kind in ("FF", "FP") if (base / kind).is_dir()]
        if found:
            return found
    return [path] if path.is_dir() and path.name in ("FF", "FP") else []


def read_cfp(split: Path) -> Pairs:
    """The pairs of the folder Split/FF or Split/FP; picture names are such as 001/frontal/01.

    Raises DataError if a list is missing or has a malformed line.
    """
    protocol = split.parent.parent
    frontal = _pictures(protocol / "Pair_list_F.txt")
    second_list = _pictures(protocol / "Pair_list_P.txt") if split.name == "FP" else frontal
    first, second, same, fold = [], [], [], []
    folds = sorted(folder for folder in split.iterdir() if folder.is_dir())
    if not folds:
        raise DataError(f"{split}: no folds")
    for number, folder in enumerate(folds):
        for label in ("same", "diff"):
            path = folder / f"{label}.txt"
            for i, line in enumerate(_lines(path)):
                try:
                    one, other = line.split(",")
                    first.append(frontal[int(one)])
                    second.append(second_list[int(other)])
                except (ValueError, KeyError):
                    raise DataError(f"{path}: line {i + 1} names no pair: {line!r}") from None
                same.append(label == "same")
                fold.append(number)
    return Pairs(first, second, np.array(same), np.array(fold))


def _pictures(path: Path) -> dict[int, str]:
    """Number -> name, the last three parts of the path without the file extension."""
    found = {}
    for i, line in enumerate(_lines(path)):
        number, _, place = line.partition(" ")
        parts = PurePosixPath(place.strip().replace("\\", "/")).with_suffix("").parts[-3:]
        if not number.isdigit() or len(parts) < 3:
            raise DataError(f"{path}: line {i + 1} names no picture: {line!r}")
        found[int(number)] = "/".join(parts)
    return found


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
