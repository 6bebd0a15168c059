"""Draws docs/faces.png: originals, and what 64, 128, 192 and 384 bytes give.

    python docs/make_faces.py

The faces may be published: the public-domain portrait of tests/assets, and faces of nobody, drawn
from the model's own tables and decoded; they then go through the codec like any picture.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from stc import Codec
from stc.imaging import frame

ROOT = Path(__file__).parent.parent
SIZES = (64, 128, 192, 384)
GAP, HEADER = 4, 16
# Drawn faces take their first levels at random. Tokens are independent in the tables but not in
# life, so what is drawn is pulled towards the mean face, as is usual for generators.
TOKENS, TRUNCATION = 57, 0.6


def drawn_faces(codec: Codec, number: int, seed: int) -> np.ndarray:
    """Faces of nobody, uint8 [N, 128, 128, 3]."""
    generator = np.random.default_rng(seed)
    rows = [row for _, level in codec.tables.rows(0, TOKENS) for row in level]
    tokens = [[generator.choice(len(r), p=r / r.sum()) for r in rows] for _ in range(number)]
    groups = torch.zeros(number, dtype=torch.long)
    components = TRUNCATION * codec.tokenizer.dequantise(torch.tensor(tokens), groups)
    return codec.render(components, torch.full((number,), TOKENS))


def main() -> None:
    codec = Codec()
    astronaut = frame(ROOT / "tests" / "assets" / "astronaut.png")
    sources = np.concatenate([astronaut[None], drawn_faces(codec, 5, seed=10)])
    columns = [sources]
    for size in SIZES:
        files = codec.encode_canvases(sources, max_bytes=size)
        columns.append(codec.decode_canvases(files))
    cell = 128 + GAP
    sheet = Image.new("RGB", (len(columns) * cell, HEADER + len(sources) * cell), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (title, faces) in enumerate(
        zip(["original", *(f"{size} bytes" for size in SIZES)], columns, strict=True)
    ):
        draw.text((x * cell + 2, 2), title, fill="black")
        for y, face in enumerate(faces):
            sheet.paste(Image.fromarray(face), (x * cell, HEADER + y * cell))
    sheet.save(ROOT / "docs" / "faces.png", optimize=True)


if __name__ == "__main__":
    main()
