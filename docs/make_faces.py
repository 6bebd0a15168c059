"""Draws docs/faces.webp, what every size keeps, and docs/efforts.webp, what synthesis adds.

    python docs/make_faces.py

The faces may be published: the public-domain portrait of tests/assets, and those of docs/portraits,
from which no model learned.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from stc import Codec, Settings
from stc.imaging import frame
from stc.recognition.base import Faces

DOCS = Path(__file__).parent
SIZES = (48, 64, 96, 128, 192, 384)
EFFORTS = (0, 1, 5, 9)
EFFORTS_BYTES = (48, 96)
GAP, HEADER = 4, 16  # pixels


def portraits() -> Faces:
    """Canvases, uint8 [N, 128, 128, 3]."""
    astronaut = frame(DOCS.parent / "tests" / "assets" / "astronaut.png")
    others = [
        np.asarray(Image.open(path).convert("RGB"))
        for path in sorted((DOCS / "portraits").glob("*.webp"))
    ]
    return np.stack([astronaut, *others])


def coded(codec: Codec, sources: Faces, settings: Settings) -> Faces:
    """What is left of canvases in files by some settings."""
    return codec.decode_batch(
        [face.unwrap().data for face in codec.encode_batch(sources, settings)]
    )


def draw_sheet(path: Path, columns: dict[str, Faces]) -> None:
    """Write a picture with a titled column for every batch of faces."""
    cell = 128 + GAP
    rows = len(next(iter(columns.values())))
    sheet = Image.new("RGB", (len(columns) * cell - GAP, HEADER + rows * cell - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (title, faces) in enumerate(columns.items()):
        draw.text((x * cell + 2, 2), title, fill="black")
        for y, face in enumerate(faces):
            sheet.paste(Image.fromarray(face), (x * cell, HEADER + y * cell))
    sheet.save(path, quality=90, method=6)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None, help="another model than the default")
    parser.add_argument("-o", "--output", default="faces.webp", help="name of the first picture")
    options = parser.parse_args()
    codec, sources = Codec(options.model), portraits()
    columns = {"original": sources}
    for size in SIZES:
        columns[f"{size} bytes"] = coded(codec, sources, Settings(max_bytes=size))
    draw_sheet(DOCS / options.output, columns)
    if options.model is None:
        columns = {"original": sources}
        for size in EFFORTS_BYTES:
            for effort in EFFORTS:
                settings = Settings(max_bytes=size, effort=effort)
                columns[f"{size} bytes, effort {effort}"] = coded(codec, sources, settings)
        draw_sheet(DOCS / "efforts.webp", columns)


if __name__ == "__main__":
    main()
