"""A random sample of faces from folders and tar files, for training and for attackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stc.errors import DataError
from stc.lab.evaluation.pictures import Faces, list_pictures, to_canvas


def draw_faces(paths: Sequence[Path], count: int, seed: int = 0) -> Faces:
    """At most `count` random faces of all pictures, uint8 [N, 128, 128, 3].

    Raises DataError if there are no pictures, or one cannot be decoded.
    """
    places = [(path, name) for path in paths for name, _ in list_pictures(path)]
    if not places:
        raise DataError("there are no pictures: " + ", ".join(map(str, paths)))
    order = np.random.default_rng(seed).permutation(len(places))[:count]
    chosen = {places[i] for i in order}
    found = [
        to_canvas(read(), name)
        for path in paths
        for name, read in list_pictures(path)
        if (path, name) in chosen
    ]
    return np.stack(found)
