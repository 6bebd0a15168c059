"""Files of released models: the same tokens by every core, the same pixels within 1 of 255.

And what docs/model-file.md says of the shipped model in figures.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stc import Codec
from stc.codec.model_file import FOLDER as MODELS
from stc.codec.model_file import find_model, open_model
from stc.codec.portable import Decoder, PortableCore
from stc.codec.tokenizer import Tokenizer
from stc.codec.tokens import Tokens
from stc.codec.upsampling import bicubic, bilinear
from stc.native import library as native
from stc.native.choice import VARIABLE
from tests.codec.make_golden import FOLDER, SIZES, tokens_digest, write_golden

PAGE = Path("docs/model-file.md")
GOLDEN = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CASES = [case for rows in GOLDEN.values() for case in rows]
SHIPPED = sorted(path.stem for path in MODELS.glob("*.safetensors"))

# SHA-256 of the token counts and payloads of all golden files of a model. These never change: not
# even when its fingerprint does, as that of stc-face-4 did before the first release.
PAYLOADS = {
    "stc-face-4": "bab402b6dd4b9aa88ad465068d9a878742d7d6264a639b15b8eb675fa9ea7bd2",
}


@pytest.fixture(scope="module", params=["native", "portable"])
def core(request):
    """All that is done meanwhile is done by this core."""
    if request.param == "native" and native.why:
        pytest.skip(native.why)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, request.param)
        yield request.param


@pytest.fixture(scope="module")
def codecs(core):
    return {name: Codec(name) for name in GOLDEN}


def pixels_of(case, folder=FOLDER):
    with Image.open(folder / f"{case['name']}.png") as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden(codecs, case):
    data = bytes.fromhex(case["file"])
    codec = codecs[find_model(data[2:4]).name]
    assert tokens_digest(*codec.read_tokens(data)) == case["tokens"]
    (pixels,) = codec.decode_batch([data])
    assert np.abs(pixels - pixels_of(case)).max() <= 1


@pytest.mark.parametrize("name", SHIPPED)
def test_payloads_are_those_of_the_release(name):
    bodies = [bytes.fromhex(case["file"])[4:-2] for case in GOLDEN[name]]
    assert hashlib.sha256(b"".join(bodies)).hexdigest() == PAYLOADS[name]


def test_no_two_models_share_the_bytes_that_files_name_them_by():
    assert len({open_model(name).fingerprint[:4] for name in SHIPPED}) == len(SHIPPED)
    assert GOLDEN.keys() == PAYLOADS.keys() == set(SHIPPED)


def test_golden_files_are_made_once(codec, canvas, tmp_path):
    write_golden(codec, canvas, tmp_path)
    rows = json.loads((tmp_path / f"{codec.model.name}.json").read_text())
    for case, size in zip(rows, SIZES, strict=True):
        data = bytes.fromhex(case["file"])
        assert size - 2 <= len(data) <= size
        assert tokens_digest(*codec.read_tokens(data)) == case["tokens"]
        assert np.abs(codec.decode_batch([data])[0] - pixels_of(case, tmp_path)).max() <= 1
    with pytest.raises(FileExistsError):
        write_golden(codec, canvas, tmp_path)


def stated(first):
    """The block of the page that begins with a word: the words of every line by the first one."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(first)]
    lines = [line.split() for line in block.splitlines()]
    found = {line[0]: line[1:] for line in lines}
    assert len(found) == len(lines)
    return found


def test_the_fingerprint_is_what_the_page_says():
    """Made here as the page says it, from the arrays themselves."""
    model = open_model("stc-face-4")
    lines = {}
    for name in model.names:
        array, entry = model.array(name), model.entries[name]
        shape = "x".join(map(str, array.shape))
        lines[name] = [entry.dtype, shape, hashlib.sha256(array.tobytes()).hexdigest()]
    own = sorted(name for name in lines if not name.startswith("encoder."))
    text = "".join(" ".join([name, *lines[name]]) + "\n" for name in own).encode()
    page = stated("basis")
    assert page.pop("fingerprint") == [hashlib.sha256(text).hexdigest()] == [model.fingerprint]
    assert page == {name: lines[name] for name in page}
    assert list(page)[:3] == own[:3]
    assert list(page)[-1] == own[-1]
    assert f"{len(own)} lines of {len(text):,} bytes" in PAGE.read_text()


class Watched(Decoder):
    """Keeps what every block gives."""

    def __init__(self, model):
        super().__init__(model)
        self.seen = {}

    def _modulated(self, name, x, condition):
        self.seen["condition"] = condition
        self.seen[name] = super()._modulated(name, x, condition)
        return self.seen[name]

    def _mix(self, name, x):
        self.seen[name] = super()._mix(name, x)
        return self.seen[name]


def test_the_worked_example_of_the_page():
    codec = Codec("stc-face-4")
    model = codec.model
    (case,) = [case for case in CASES if case["name"] == "stc-face-4-32"]
    group, indices = codec.read_tokens(bytes.fromhex(case["file"]))
    tokenizer, decoder = Tokenizer(model, PortableCore(model)), Watched(model)
    components = tokenizer.dequantise(Tokens.of([(group, indices)]))
    planes = tokenizer.planes(components)[0]
    luma, chroma = planes[:4096].reshape(64, 64), planes[4096:].reshape(2, 32, 32)
    detail = decoder(luma, chroma, np.float32(len(indices) / model.tables.tokens))
    widths = model.array("levels.0.widths")
    scale = model.array("levels.0.codebooks.scale")[:4].astype(np.float32)
    smooth, straight = bicubic(64, 128)[64], bilinear(32, 128)[64]
    y, cb, cr = smooth @ luma @ smooth, *(straight @ plane @ straight for plane in chroma)
    red, blue = y + cr / 0.713, y + cb / 0.564
    pixels = pixels_of(case)
    expected = {
        "group": [group],
        "indices": indices,
        "widths": widths,
        "latent[0:4]": model.array("levels.0.codebooks")[group, indices[0], :4] * scale,
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
    page = stated("file")
    assert page.pop("file") == [case["file"]]
    assert page.keys() == expected.keys()
    for name, words in page.items():
        np.testing.assert_allclose(
            np.array(words, float), expected[name], rtol=2e-5, atol=2e-5, err_msg=name
        )
    assert f"{len(indices)} tokens of {model.tables.tokens}" in PAGE.read_text()
