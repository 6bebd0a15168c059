"""The three decoders agree: plain Python, the native core, and constriction.

Random tables of any number of groups; payloads that a writer makes, and others.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stc.bitstream import Tables, coder, decode_payload, encode_payload, independent, pack, plain
from stc.bitstream import native as native_payload
from stc.errors import CorruptError
from stc.native import library as native
from stc.native.choice import VARIABLE
from tests.bitstream.lcg import make_message, make_tables

needs_native = pytest.mark.skipif(not native.available, reason=native.why)
needs_constriction = pytest.mark.skipif(
    find_spec("constriction") is None, reason="constriction has no wheel for this platform"
)

SHAPES = [  # groups, then tokens and codewords of every level
    (1, [(12, 256)]),
    (1, [(3, 1), (9, 2), (4, 700)]),
    (2, [(5, 16), (6, 3)]),
    (5, [(8, 256), (1, 1)]),
    (5, [(2, 4096)]),
    (7, [(4, 1)]),
    (256, [(3, 9), (3, 2)]),
]


def random_rows(generator, *shape):
    """Frequencies of at least 1 that sum to 2^16 along the last axis, some very uneven."""
    weights = generator.exponential(1, shape) ** generator.integers(1, 9)
    free = 2**16 - shape[-1]
    rows = 1 + np.floor(free * weights / weights.sum(-1, keepdims=True)).astype(np.int64)
    rows[..., -1] += 2**16 - rows.sum(-1)
    return rows


def random_tables(seed, groups, levels):
    generator = np.random.default_rng(seed)
    rows = [random_rows(generator, groups, *level) for level in levels]
    return Tables(random_rows(generator, groups), tuple(rows))


TABLES = [random_tables(seed, *shape) for shape in SHAPES for seed in range(4)]


@st.composite
def messages(draw):
    tables = draw(st.sampled_from(TABLES))
    count = draw(st.integers(1, tables.tokens))
    return tables, *make_message(draw(st.integers(0, 1000)), tables, count)


@st.composite
def payloads(draw):
    """Tables, a count and a payload: valid, truncated, changed, longer, or random bytes."""
    tables, group, indices = draw(messages())
    payload = encode_payload(tables, group, indices)
    kind = draw(st.sampled_from(["sound", "short", "changed", "long", "any"]))
    if kind == "short":
        payload = payload[: draw(st.integers(0, len(payload)))]
    elif kind == "changed" and payload:
        place = draw(st.integers(0, len(payload) - 1))
        change = bytes([payload[place] ^ draw(st.integers(1, 255))])
        payload = payload[:place] + change + payload[place + 1 :]
    elif kind == "long":
        payload += draw(st.binary(min_size=1, max_size=12))
    elif kind == "any":
        payload = draw(st.binary(max_size=3 * len(indices) + 12))
    return tables, len(indices), payload


def told(decode, tables, count, payload):
    """Group and indices in one list, or None for a payload that decodes to no message."""
    try:
        group, indices = decode(tables, count, payload)
    except (AssertionError, CorruptError):  # constriction raises the former
        return None
    assert indices.dtype == np.int64
    return [group, *indices.tolist()]


@needs_constriction
@needs_native
@given(messages())
def test_all_decode_what_a_writer_makes(message):
    tables, group, indices = message
    payload = encode_payload(tables, group, indices)
    expected = [group, *indices.tolist()]
    for decode in (plain.decode_message, independent.decode_symbols, native_payload.decode_symbols):
        assert told(decode, tables, len(indices), payload) == expected


@needs_constriction
@given(payloads())
def test_plain_and_constriction_agree_on_any_payload(given_payload):
    found = told(plain.decode_message, *given_payload)
    assert found == told(independent.decode_symbols, *given_payload)


@needs_native
@given(payloads())
def test_the_native_core_takes_only_the_form_that_a_writer_makes(given_payload):
    """The native core decides by the decoder's state; here the message is encoded again."""
    tables, _, payload = given_payload
    found = told(plain.decode_message, *given_payload)
    sound = found is not None and payload == encode_payload(
        tables, found[0], np.array(found[1:], np.int64)
    )
    assert told(native_payload.decode_symbols, *given_payload) == (found if sound else None)


@pytest.mark.parametrize("name", ["native", "portable"])
@given(given_payload=payloads())
def test_either_core_refuses_the_same(name, given_payload):
    if name == "native" and not native.available:
        pytest.skip(native.why)
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = name
    try:
        found = told(decode_payload, *given_payload)
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
    tables, count, payload = given_payload
    if found is None:
        symbols = told(plain.decode_message, *given_payload)
        if symbols is not None:
            assert encode_payload(tables, symbols[0], np.array(symbols[1:], np.int64)) != payload
    else:
        assert encode_payload(tables, found[0], np.array(found[1:], np.int64)) == payload
        assert len(found) == 1 + count


@needs_native
@pytest.mark.parametrize("count", [-1, 0, 25, 1 << 20])
def test_the_native_core_refuses_counts_that_the_tables_lack(count):
    with pytest.raises(CorruptError, match="tokens, the model has 24"):
        native_payload.decode_symbols(make_tables(1, 3, [(24, 7)]), count, b"abc")


@pytest.mark.parametrize("name", ["native", "portable"])
def test_a_long_payload_is_refused_before_it_is_read(name, monkeypatch):
    if name == "native" and not native.available:
        pytest.skip(native.why)
    monkeypatch.setenv(VARIABLE, name)
    monkeypatch.setattr(coder, "_decode", lambda *_: pytest.fail("was read"))
    with pytest.raises(CorruptError, match="take at most"):
        decode_payload(make_tables(1, 3, [(24, 7)]), 1, bytes(1 << 16))


@pytest.mark.parametrize(
    ("has_constriction", "module", "name"),
    [(True, independent, "decode_symbols"), (False, plain, "decode_message")],
)
def test_a_payload_that_another_decoder_reads_otherwise_never_leaves(
    has_constriction, module, name, monkeypatch
):
    tables = make_tables(1, 3, [(24, 7)])
    group, indices = make_message(2, tables, 24)
    monkeypatch.setattr(coder, "_has_constriction", lambda: has_constriction)
    monkeypatch.setattr(module, name, lambda *_: (group, indices[::-1]))
    with pytest.raises(RuntimeError, match="does not decode"):
        encode_payload(tables, group, indices)


@needs_constriction
@given(messages())
def test_payloads_are_the_same_with_and_without_constriction(message):
    assert coder._has_constriction()
    payload = encode_payload(*message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder, "_has_constriction", lambda: False)
        patch.setattr(independent, "decode_symbols", lambda *_: pytest.fail("was asked"))
        assert encode_payload(*message) == payload


def test_neither_readers_nor_writers_need_constriction():
    code = (
        "import sys; sys.modules['constriction'] = None\n"
        "from stc.bitstream import pack, unpack\n"
        "from tests.bitstream.lcg import make_tables\n"
        "tables = make_tables(1, 3, [(24, 7)])\n"
        "group, indices = unpack(bytes.fromhex(sys.argv[1]), tables)\n"
        "print(pack(b'ab', tables, group, indices).hex(), indices.tolist())"
    )
    tables = make_tables(1, 3, [(24, 7)])
    group, indices = make_message(2, tables, 24)
    data = pack(b"ab", tables, group, indices).hex()
    command = [sys.executable, "-c", code, data]
    result = subprocess.run(command, capture_output=True, check=True, text=True)
    assert result.stdout.strip() == f"{data} {indices.tolist()}"
