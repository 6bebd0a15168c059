"""Draws docs/faces.png: originals, and what 64, 128, 192 and 384 bytes give.

    python docs/make_faces.py

Needs pip install '.[lab]'. The faces may be published: the public-domain portrait of tests/assets,
and faces of nobody, drawn from the model's own tables and decoded; they then go through the codec
like any picture.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from stc import Codec
from stc.codec.model_file import ModelFile
from stc.codec.torch.load import load_modules
from stc.imaging import frame

ROOT = Path(__file__).parent.parent
SIZES = (64, 128, 192, 384)
GAP, HEADER = 4, 16
# Drawn faces take their first levels at random. Tokens are independent in the tables but not in
# life, so what is drawn is pulled towards the mean face, as is usual for generators.
TOKENS, TRUNCATION = 57, 0.6


@torch.inference_mode()
def drawn_faces(model: ModelFile, number: int, seed: int) -> np.ndarray:
    """Faces of nobody, uint8 [N, 128, 128, 3]."""
    generator = np.random.default_rng(seed)
    tokenizer, decoder = load_modules(model)
    rows = [np.array(row) for row in model.rows(0, TOKENS)]
    tokens = [[generator.choice(len(r), p=r / r.sum()) for r in rows] for _ in range(number)]
    groups = torch.zeros(number, dtype=torch.long)
    components = TRUNCATION * tokenizer.dequantise(torch.tensor(tokens), groups)
    spent = torch.full((number,), TOKENS / tokenizer.tokens)
    rgb = decoder(tokenizer.planes(components), spent).clamp(0, 1)
    return (rgb * 255).round().byte().permute(0, 2, 3, 1).numpy()


def main() -> None:
    codec = Codec()
    astronaut = frame(ROOT / "tests" / "assets" / "astronaut.png")
    sources = np.concatenate([astronaut[None], drawn_faces(codec.model, 5, seed=10)])
    columns = [sources]
    for size in SIZES:
        coded = codec.encode_batch(sources, max_bytes=size)
        columns.append(codec.decode_batch([face.unwrap().data for face in coded]))
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
