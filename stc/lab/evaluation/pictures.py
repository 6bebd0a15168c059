"""Faces to measure on: a folder or a tar file of pictures -> canvases, by name."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stc.canvas import CANVAS
from stc.errors import DataError, FaceError, ImageError
from stc.gallery.progress import hidden
from stc.imaging import ENDINGS, frame, load_image

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]

_log = logging.getLogger(__name__)


def read_faces(path: Path, names: Sequence[str]) -> Faces:
    """The named pictures of a folder or tar file as canvases, uint8 [N, 128, 128, 3].

    A name is the end of a path without the file's ending: `A_0001`, or `001/frontal/01`. A picture
    of 128x128 pixels is a canvas already; in any other the largest face is found and aligned.
    Raises DataError if a picture is missing, or two go by one name.
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
                raise DataError(f"{path} holds two pictures called {name}")
            found[name] = to_canvas(read(), place)
    missing = wanted - found.keys()
    if missing:
        raise DataError(f"{path} lacks {len(missing)} faces that are named, {min(missing)} first")
    return np.stack([found[name] for name in names])


def list_names(path: Path) -> list[str]:
    """The names of all pictures of a folder or tar file: file names without their endings."""
    return sorted(PurePosixPath(place).stem for place, _ in list_pictures(path))


def list_pictures(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each picture's path within a folder or tar file, and a function that reads its bytes."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in ENDINGS and file.is_file():
                yield file.relative_to(path).as_posix(), file.read_bytes
        return
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if PurePosixPath(member.name).suffix.lower() in ENDINGS and member.isfile():
                    content = tar.extractfile(member)
                    if content is not None:
                        yield member.name, content.read
    except tarfile.TarError as error:
        raise DataError(f"{path}: not a folder or a tar file: {error}") from error


def to_canvas(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """One encoded picture on the canvas, uint8 [128, 128, 3]."""
    try:
        picture = load_image(data)
    except ImageError as error:
        raise DataError(f"{name}: {error}") from error
    if picture.size == (CANVAS, CANVAS):
        return np.asarray(picture)
    try:
        return frame(picture, align="always", face="largest")
    except FaceError as error:
        # A protocol knows no missing picture: what was not found counts as it was given.
        _log.warning("%s: %s; its middle square is taken", name, error)
        return frame(picture, align="never")
