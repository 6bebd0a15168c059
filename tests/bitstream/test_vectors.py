"""Golden vectors: the same bytes and the same tokens in every release."""

import json
from pathlib import Path

import pytest

import stc.errors
from stc.bitstream import decode_symbols, pack, parse_header, unpack
from tests.bitstream.lcg import make_message, make_tables
from tests.bitstream.make_vectors import tokens_digest

FOLDER = Path(__file__).parent / "vectors"
VALID = json.loads((FOLDER / "valid.json").read_text())
INVALID = json.loads((FOLDER / "invalid.json").read_text())


def tables_of(case):
    return make_tables(case["seed"], case["groups"], case["levels"])


@pytest.mark.parametrize("case", VALID, ids=lambda c: f"seed{c['seed']}")
def test_files_decode_to_the_recorded_tokens(case):
    group, indices = unpack(bytes.fromhex(case["file"]), tables_of(case))
    assert tokens_digest(group, indices.tolist()) == case["tokens"]
    assert len(indices) == case["count"]


@pytest.mark.parametrize("case", VALID, ids=lambda c: f"seed{c['seed']}")
def test_messages_encode_to_the_recorded_bytes(case):
    tables = tables_of(case)
    group, indices = make_message(case["seed"] + 1000, tables, case["count"])
    assert pack(bytes([case["seed"], 0xAB]), tables, group, indices).hex() == case["file"]
    assert pack(b"", tables, group, indices, bare=True).hex() == case["bare"]


@pytest.mark.parametrize("case", VALID, ids=lambda c: f"seed{c['seed']}")
def test_a_decoder_in_plain_integers_agrees(case):
    tables = tables_of(case)
    header = parse_header(bytes.fromhex(case["file"]))
    prefix = [tables.groups.tolist()] if len(tables.groups) > 1 else []
    group = decode_symbols(header.payload, prefix)[0] if prefix else 0
    rows = [row.tolist() for _, part in tables.rows(group, header.tokens) for row in part]
    symbols = decode_symbols(header.payload, prefix + rows)
    assert tokens_digest(group, symbols[len(prefix) :]) == case["tokens"]


@pytest.mark.parametrize("case", INVALID, ids=lambda c: c["why"].replace(" ", "-"))
def test_bad_files_raise_the_recorded_error(case):
    with pytest.raises(getattr(stc.errors, case["error"])):
        unpack(bytes.fromhex(case["file"]), tables_of(VALID[0]))
