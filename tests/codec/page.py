"""The figures of conformance/model-file.md, computed from a shipped model and its golden files."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from stc import Codec
from stc.codec.model_file import OPTIONAL
from stc.codec.portable import PortableCore
from stc.codec.portable_networks import Decoder
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.codec.upsampling import bicubic, bilinear
from tests.codec.make_golden import FOLDER

PAGE = Path("conformance/model-file.md")
EXAMPLE = 32  # bytes of the golden file that the page works through

Lines = dict[str, list[str]]


class Watched(Decoder):
    """A decoder that records the output of every block."""

    def __init__(self, model):
        super().__init__(model)
        self.seen = {}

    def modulated(self, name, x, condition):
        self.seen["condition"] = condition
        self.seen[name] = super().modulated(name, x, condition)
        return self.seen[name]

    def _mix(self, name, x):
        self.seen[name] = super()._mix(name, x)
        return self.seen[name]


def fingerprint_lines(model) -> Lines:
    """Type, shape and digest of every array that a decoder uses, sorted by name."""
    found = {}
    for name in sorted(name for name in model.names if not name.startswith(OPTIONAL)):
        array, entry = model.array(name), model.entries[name]
        shape = "x".join(map(str, array.shape))
        found[name] = [entry.dtype, shape, hashlib.sha256(array.tobytes()).hexdigest()]
    return found


def fingerprint_block(model) -> Lines:
    """The lines that the page shows: the first three, one from the middle, and the last."""
    lines = fingerprint_lines(model)
    names = list(lines)
    shown = [*names[:3], "levels.0.widths", names[-1]]
    return {name: lines[name] for name in shown} | {"fingerprint": [model.fingerprint]}


def packed_block(model) -> dict[str, list[float]]:
    """Some numbers of packed matrices, and of a computed analysis."""
    first, later = (model.matrix(f"levels.{number}.synthesis") for number in (0, 3))
    basis, metric = model.matrix("basis"), model.metric(0)
    drawn = first.values * first.scale
    read = drawn + metric.weight * (metric.factor @ (metric.factor.T @ drawn))
    return {
        "levels.3.synthesis[0,0:4]": later.values[0, :4] * later.scale[:4],
        "basis[2080,0:4]": basis.values[2080, :4] * basis.scale[:4],
        "basis[2079,0:4]": basis.values[2079, :4] * basis.scale[:4],
        "analysis0[0,0:4]": read[0, :4],
    }


def golden_case(name: str) -> dict[str, str]:
    """The golden file that is the example of the page."""
    rows = json.loads((FOLDER / f"{name}.json").read_text())
    return next(row for row in rows if row["name"] == f"{name}-{EXAMPLE}")


def example_block(name: str) -> dict[str, object]:
    """The intermediate results of decoding the golden file with the core in numpy."""
    codec, case = Codec(name), golden_case(name)
    model = codec.model
    group, indices = codec.read_tokens(bytes.fromhex(case["file"]))
    tokenizer, decoder = Tokenizer(model, PortableCore(model)), Watched(model)
    components = tokenizer.dequantize(Tokens.of([(group, indices)]))
    planes = tokenizer.planes(components)[0]
    luma, chroma = planes[:4096].reshape(64, 64), planes[4096:].reshape(2, 32, 32)
    detail = decoder(luma, chroma, np.float32(len(indices) / model.tables.tokens))
    latents = tokenizer.levels[0].codewords(
        indices[None], np.array([group]), np.array([len(indices)])
    )
    smooth, straight = bicubic(64, 128)[64], bilinear(32, 128)[64]
    y, cb, cr = smooth @ luma @ smooth, *(straight @ plane @ straight for plane in chroma)
    red, blue = y + cr / 0.713, y + cb / 0.564
    with Image.open(FOLDER / f"{case['name']}.png") as picture:
        pixels = np.asarray(picture).astype(int)
    return {
        "group": [group],
        "indices": indices,
        "widths": model.array("levels.0.widths"),
        "latent[0:4]": latents[0, :4],
        "components[0:4]": components[0, :4],
        "planes[0,2080,4624,5648]": planes[[0, 2080, 4624, 5648]],
        "condition[0:4]": decoder.seen["condition"][:4],
        "x8[0:4,4,4]": decoder.seen["mix8.1"][4, 4, :4],
        "x16[0:4,8,8]": decoder.seen["blocks16.1"][8, 8, :4],
        "linear[64,64]": [red, (y - 0.299 * red - 0.114 * blue) / 0.587, blue],
        "detail[64,64]": detail[64, 64],
        "pixel[64,64]": pixels[64, 64],
        "pixel[0,0]": pixels[0, 0],
    }


def stated(first: str) -> Lines:
    """The block of the page that begins with `first`: the words of each line by its first word."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(first)]
    lines = [line.split() for line in block.splitlines()]
    found = {line[0]: line[1:] for line in lines}
    assert len(found) == len(lines)
    return found


def write_page(name: str) -> None:
    """Write the figures and the name of a shipped model into the page."""
    codec, text = Codec(name), PAGE.read_text()
    text = re.sub(r"stc-face-\d+", name, text)
    lines = fingerprint_lines(codec.model)
    size = len("".join(" ".join([own, *lines[own]]) + "\n" for own in lines))
    text = re.sub(r"\d+ lines of [\d,]+ bytes", f"{len(lines)} lines of {size:,} bytes", text)
    case = golden_case(name)
    _, indices = codec.read_tokens(bytes.fromhex(case["file"]))
    count = f"{len(indices)} tokens of {codec.model.tables.tokens}"
    text = re.sub(r"\d+ tokens of \d+", count, text)
    for first, block in (
        ("basis", fingerprint_block(codec.model)),
        ("file", {"file": [case["file"]], **example_block(name)}),
        ("levels.3", packed_block(codec.model)),
    ):
        own = "".join(" ".join([key, *map(_word, row)]) + "\n" for key, row in block.items())
        pattern = rf"```text\n{re.escape(first)}[^`]*```"
        text, number = re.subn(pattern, lambda _, own=own: f"```text\n{own}```", text)
        assert number == 1, first
    PAGE.write_text(text)


def _word(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
