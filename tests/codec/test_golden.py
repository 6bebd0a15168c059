"""Files of released models: all cores give equal tokens, and pixels within 1 of 255.

Also checks the figures of conformance/model-file.md for the shipped model.
"""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from stc import Codec
from stc.codec.model_file import FOLDER as MODELS
from stc.codec.model_file import find_model, open_model
from stc.native import library as native
from stc.native.choice import VARIABLE
from tests.codec.make_golden import FOLDER, SIZES, tokens_digest, write_golden
from tests.codec.page import (
    PAGE,
    example_block,
    fingerprint_lines,
    golden_case,
    packed_block,
    stated,
)
from tests.codec.release import payloads

# SHA-256 of the token counts and payloads of all golden files of a model. They never change, even
# if its fingerprint does.
PAYLOADS = json.loads((FOLDER / "payloads.json").read_text())
GOLDEN = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in PAYLOADS}
CASES = [case for rows in GOLDEN.values() for case in rows]
SHIPPED = sorted(path.stem for path in MODELS.glob("*.safetensors"))


@pytest.fixture(scope="module", params=["native", "portable"])
def core(request):
    """Select the core for the test."""
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
    assert payloads(name) == PAYLOADS[name]


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


def test_the_fingerprint_is_what_the_page_says():
    """Computes the fingerprint from the arrays as conformance/model-file.md describes it."""
    model = open_model()
    lines = fingerprint_lines(model)
    text = "".join(" ".join([name, *lines[name]]) + "\n" for name in lines).encode()
    page = stated("basis")
    assert page.pop("fingerprint") == [hashlib.sha256(text).hexdigest()] == [model.fingerprint]
    assert page == {name: lines[name] for name in page}
    assert list(page)[:3] == list(lines)[:3]
    assert list(page)[-1] == list(lines)[-1]
    assert f"{len(lines)} lines of {len(text):,} bytes" in PAGE.read_text()


def test_the_worked_example_of_the_page():
    model = open_model()
    case, expected = golden_case(model.name), example_block(model.name)
    page = stated("file")
    assert page.pop("file") == [case["file"]]
    assert page.keys() == expected.keys()
    for name, words in page.items():
        np.testing.assert_allclose(
            np.array(words, float), expected[name], rtol=2e-5, atol=2e-5, err_msg=name
        )
    count = f"{len(expected['indices'])} tokens of {model.tables.tokens}"
    assert count in PAGE.read_text()


def test_the_packed_matrices_of_the_page():
    page, expected = stated("levels.3"), packed_block(open_model())
    assert page.keys() == expected.keys()
    for name, words in page.items():
        np.testing.assert_allclose(np.array(words, float), expected[name], rtol=1e-5, atol=1e-7)
