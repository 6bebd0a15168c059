"""Draws docs/faces.webp, what every size keeps, docs/efforts.webp, what synthesis adds, and
docs/large.webp, faces at 256 pixels.

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
LARGE_BYTES, LARGE_FACES = (48, 96, 192), 6
GAP, HEADER = 4, 16  # pixels


def portraits() -> Faces:
    """Canvases, uint8 [N, 128, 128, 3]."""
    astronaut = frame(DOCS.parent / "tests" / "assets" / "astronaut.png")
    others = [
        np.asarray(Image.open(path).convert("RGB"))
        for path in sorted((DOCS / "portraits").glob("*.webp"))
    ]
    return np.stack([astronaut, *others])


def coded(codec: Codec, sources: Faces, settings: Settings, large: bool = False) -> Faces:
    """What is left of canvases in files by some settings."""
    files = [face.unwrap().data for face in codec.encode_batch(sources, settings)]
    return codec.decode_batch(files, large=large)


def enlarged(faces: Faces) -> Faces:
    """Faces at 256 pixels, by Lanczos."""
    return np.stack(
        [Image.fromarray(f).resize((256, 256), Image.Resampling.LANCZOS) for f in faces]
    )


def draw_sheet(path: Path, columns: dict[str, Faces]) -> None:
    """Write a picture with a titled column for every batch of faces."""
    rows, side = next(iter(columns.values())).shape[:2]
    cell = side + GAP
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
        columns = {}
        for size in LARGE_BYTES:
            settings, some = Settings(max_bytes=size), sources[:LARGE_FACES]
            columns[f"{size} bytes, 128 px enlarged"] = enlarged(coded(codec, some, settings))
            columns[f"{size} bytes, 256 px"] = coded(codec, some, settings, large=True)
        draw_sheet(DOCS / "large.webp", columns)


if __name__ == "__main__":
    main()
