"""Files of released models: the same tokens on every machine, the same pixels within 2 of 255."""

import json

import numpy as np
import pytest
from PIL import Image

import stc
from stc import bitstream
from stc.codec.model_file import find_model
from tests.codec.make_golden import FOLDER, tokens_digest

CASES = [row for path in sorted(FOLDER.glob("*.json")) for row in json.loads(path.read_text())]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_golden(case):
    data = bytes.fromhex(case["file"])
    tables = find_model(bitstream.parse_header(data).fingerprint).tables
    assert tokens_digest(*bitstream.unpack(data, tables)) == case["tokens"]
    with Image.open(FOLDER / f"{case['name']}.png") as picture:
        expected = np.asarray(picture).astype(int)
    assert np.abs(np.asarray(stc.decode(data)).astype(int) - expected).max() <= 2


def test_there_are_golden_files():
    assert CASES
