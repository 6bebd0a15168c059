"""The entropy coder: exact, shortest, and strict."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stc.bitstream import Tables, decode_payload, decode_symbols, encode_payload
from stc.bitstream.coder import payload_sizes
from stc.bitstream.plain import TOTAL
from stc.errors import CorruptError
from tests.bitstream.lcg import make_tables

LEVELS = [(25, 256), (32, 256), (64, 100), (128, 256), (251, 7)]
TABLES = {groups: make_tables(groups, groups, LEVELS) for groups in (1, 3)}


def draw(tables, count, seed):
    """A random message that follows the tables."""
    generator = np.random.default_rng(seed)
    group = int(generator.integers(len(tables.groups)))
    indices = [
        generator.choice(len(row), p=row / row.sum())
        for _, rows in tables.rows(group, count)
        for row in rows
    ]
    return group, np.array(indices, dtype=np.int64)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 25, 26, 57, 100, 249, 377, 500])
def test_round_trip_within_two_bytes_of_ideal(groups, count):
    tables = TABLES[groups]
    for seed in range(4):
        group, indices = draw(tables, count, seed)
        payload = encode_payload(tables, group, indices)
        found_group, found = decode_payload(tables, count, payload)
        assert found_group == group
        np.testing.assert_array_equal(found, indices)
        used = [tables.groups[group], *(count for _, count in tables.shares(group, indices))]
        ideal = np.log2(TOTAL / np.array(used, np.float64)).sum()
        assert len(payload) <= ideal / 8 + 2


@pytest.mark.parametrize("groups", [1, 3])
def test_payloads_are_the_shortest_and_sizes_are_known_before(groups):
    """Compared with the definition in plain Python: no shorter payload decodes to the message."""
    tables = TABLES[groups]
    group, indices = draw(tables, 377, 5)
    sizes = list(payload_sizes(tables, group, indices))
    assert sizes == sorted(sizes)
    for count in [*range(1, 60), 200, 377]:
        payload = encode_payload(tables, group, indices[:count])
        assert len(payload) == sizes[count - 1]
        rows = [row.tolist() for _, part in tables.rows(group, count) for row in part]
        message = indices[:count].tolist()
        if groups > 1:
            rows, message = [tables.groups.tolist(), *rows], [group, *message]
        assert decode_symbols(payload, rows) == message
        start = int.from_bytes(payload[:-1], "big")
        for number in (start, start + 1):  # all others of this length are further away
            if payload and number < 256 ** (len(payload) - 1):
                shorter = number.to_bytes(len(payload) - 1, "big")
                with contextlib.suppress(CorruptError):
                    assert decode_symbols(shorter, rows) != message


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(0, 2))
def test_every_message_round_trips(symbols, group):
    tables = make_tables(5, 3, [(60, 7)])
    indices = np.array(symbols, dtype=np.int64)
    payload = encode_payload(tables, group, indices)
    found_group, found = decode_payload(tables, len(indices), payload)
    assert (found_group, found.tolist()) == (group, symbols)


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(-1, 600))
def test_any_payload_is_a_message_in_its_only_form_or_corrupt(payload, count):
    tables = TABLES[3]
    try:
        group, indices = decode_payload(tables, count, payload)
    except CorruptError:
        return
    assert encode_payload(tables, group, indices) == payload


def test_extreme_rows():
    lone = np.full((1, 3, 1), 65536)
    skewed = np.ones((1, 4, 1000), np.int64)
    skewed[..., 17] = 65536 - 999
    flat = np.full((1, 2, 4096), 16)
    tables = Tables(np.array([65536]), (lone, skewed, flat))
    likely = np.array([0, 0, 0, 17, 17, 17, 17, 5, 4095])
    unlikely = np.array([0, 0, 0, 0, 999, 18, 16, 0, 0])
    assert len(encode_payload(tables, 0, likely)) <= 4
    for indices in (likely, unlikely):
        payload = encode_payload(tables, 0, indices)
        np.testing.assert_array_equal(decode_payload(tables, 9, payload)[1], indices)


def test_messages_that_the_tables_lack_are_refused():
    tables = TABLES[3]
    fine = np.zeros(3, np.int64)
    for group, indices in [
        (3, fine),
        (-1, fine),
        (0, fine[:0]),
        (0, np.zeros(501, np.int64)),
        (0, np.array([256])),
        (0, np.array([-1])),
    ]:
        with pytest.raises(ValueError, match=r"are needed|must be"):
            encode_payload(tables, group, indices)
