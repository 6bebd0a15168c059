"""The first level of the level-ordered tokenizer, as a base tokenizer."""

import torch

from stc.codec.model_file import open_model
from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.load import load_modules
from stc.imaging import frame
from stc.lab.tokenizers.levels import FirstLevel


def test_is_the_first_level_of_the_shipped_model():
    tokenizer, _ = load_modules(open_model())
    canvas = frame("tests/assets/astronaut.png")
    first = FirstLevel(tokenizer)
    rgb = torch.from_numpy(canvas.copy()).permute(2, 0, 1)[None] / 255
    group = torch.zeros(1, dtype=torch.long)
    level = tokenizer.levels[0]
    bits = level.price * level.bits
    indices = level.codebooks.nearest(first.analyse(rgb), group, bits)
    expected = tokenizer.quantize(tokenizer.analyse(rgb), group)[:, : first.tokens]
    torch.testing.assert_close(indices, expected)
    plain = tokenizer.planes(tokenizer.dequantize(indices, group))
    drawn = first.synthesise(level.codebooks.gather(indices, group))
    torch.testing.assert_close(drawn, to_rgb(plain), atol=1e-5, rtol=1e-4)
