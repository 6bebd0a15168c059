"""Reads pictures from a folder or tar file as canvases, by name."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.errors import DataError, FaceError, ImageError
from stc.gallery import tars
from stc.gallery.progress import hidden
from stc.imaging import frame, load_image

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]

_log = logging.getLogger(__name__)


def read_faces(path: Path, names: Sequence[str]) -> Faces:
    """The named pictures of a folder or tar file as canvases, uint8 [N, 128, 128, 3].

    A name is the end of a path without the file extension: `A_0001`, or `001/frontal/01`. A picture
    of 128x128 pixels is used as a canvas; in any other the largest face is found and aligned.
    Raises DataError if a picture is missing, or two pictures have the same name.
    """
    depths = {name.count("/") + 1 for name in names}
    wanted, found = set(names), {}
    for place, read in tqdm(list_pictures(path), desc="reading faces", disable=hidden()):
        parts = PurePosixPath(place).with_suffix("").parts
        for depth in depths:
            name = "/".join(parts[-depth:])
            if name not in wanted:
                continue
            if name in found:
                raise DataError(f"{path} contains two pictures called {name}")
            found[name] = to_canvas(read(), place)
    missing = wanted - found.keys()
    if missing:
        raise DataError(f"{path} lacks {len(missing)} of the pictures, such as {min(missing)}")
    return np.stack([found[name] for name in names])


def list_pictures(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield each picture's path within a folder or tar file, and a function that reads its bytes.

    Files that are no pictures by their name or first bytes are skipped and counted in a warning.
    Raises DataError if a tar file is damaged.
    """
    passed: Counter[str] = Counter()
    for name, found in _list_folder(path) if path.is_dir() else tars.list_pictures(path):
        if isinstance(found, str):
            passed[found] += 1
        else:
            yield name, found
    if passed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in passed.most_common())
        _log.warning("%s: skipped %s", path, kinds)


def _list_folder(path: Path) -> Iterator[tuple[str, str | Callable[[], bytes]]]:
    """For a folder what `stc.gallery.tars.list_pictures` is for a tar file."""
    for file in sorted(path.rglob("*")):
        if file.is_file():
            word = tars.passed_over(file.name, partial(_read_head, file))
            yield file.relative_to(path).as_posix(), word or file.read_bytes


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(tars.HEAD)


def to_canvas(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """The canvas of an encoded picture, uint8 [128, 128, 3].

    name: for messages. Where no face is found, the middle square is used, with a warning. Raises
    DataError if the picture cannot be decoded.
    """
    try:
        picture = load_image(data)
    except ImageError as error:
        raise DataError(f"{name}: {error}") from error
    if picture.size == (CANVAS, CANVAS):
        return np.asarray(picture)
    try:
        return frame(picture, align="always", face="largest")
    except FaceError as error:
        # Protocols count all pairs, so a picture without a detected face cannot be left out.
        _log.warning("%s: %s; using its middle square", name, error)
        return frame(picture, align="never")
