"""The container: small, checked, and never larger than the limit."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stc.bitstream import (
    Tables,
    fingerprint,
    has_header,
    longest_prefix,
    pack,
    parse_header,
    unpack,
)
from stc.bitstream.identity import ArrayIdentity
from stc.errors import BudgetError, CorruptError, FormatError, StcError, TruncatedError
from tests.bitstream.lcg import make_message, make_tables

TABLES = make_tables(11, 4, [(25, 256), (375, 64)])
GROUP, INDICES = make_message(12, TABLES, 400)


def file_of(count, bare=False):
    return pack(b"\x12\x34", TABLES, GROUP, INDICES[:count], bare=bare)


@pytest.mark.parametrize(("count", "overhead"), [(1, 7), (127, 7), (128, 8), (400, 8)])
def test_overhead(count, overhead):
    header = parse_header(file_of(count))
    assert (header.version, header.fingerprint, header.tokens) == (1, b"\x12\x34", count)
    assert header.overhead == overhead
    bare = file_of(count, bare=True)
    assert has_header(file_of(count))
    assert not has_header(bare)
    assert len(bare) == len(file_of(count)) - 6
    group, indices = unpack(bare, TABLES, bare=True)
    assert group == GROUP
    np.testing.assert_array_equal(indices, INDICES[:count])


def test_what_begins_like_a_file():
    assert has_header(file_of(5))
    assert has_header(b"\xfa\xcf")  # of a later version
    for data in (b"", b"\xfa", b"\xfa\xb1", b"\x0f\xac", b"\x89PNG"):
        assert not has_header(data)


def test_every_flipped_bit_is_found():
    data = file_of(60)
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            unpack(bytes(broken), TABLES)


def test_every_truncation_and_extension_is_found():
    data = file_of(60)
    for size in range(len(data)):
        with pytest.raises((TruncatedError, CorruptError)):
            unpack(data[:size], TABLES)
    with pytest.raises(CorruptError):
        unpack(data + b"\0", TABLES)


@settings(max_examples=500)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_tokens_or_a_typed_error(data, bare):
    for candidate in (data, b"\xfa\xc1" + data):
        try:
            group, indices = unpack(candidate, TABLES, bare=bare)
        except StcError:
            continue
        assert pack(candidate[2:4], TABLES, group, indices, bare=bare) == candidate


@pytest.mark.parametrize("bare", [False, True])
def test_longest_prefix_keeps_its_promise(bare):
    sizes = [len(file_of(count, bare)) for count in range(1, 401)]
    for limit in [*range(sizes[0], 120), 192, 384, 1000]:
        count = longest_prefix(TABLES, GROUP, INDICES, limit, bare=bare)
        assert sizes[count - 1] <= limit
        assert all(size > limit for size in sizes[count:])


def test_a_budget_below_the_smallest_file_names_it():
    smallest = len(file_of(1))
    for limit in (-5, 0, smallest - 1):
        with pytest.raises(BudgetError, match=f"has {smallest}"):
            longest_prefix(TABLES, GROUP, INDICES, limit)


def test_fingerprint_depends_on_content_alone():
    one, other = ArrayIdentity("F32", (6,), "ab" * 32), ArrayIdentity("I8", (2, 3), "cd" * 32)
    name = fingerprint({"a": one, "b": other})
    assert name == fingerprint({"b": other, "a": one})
    others = [
        {"a": one, "c": other},
        {"a": one, "b": other._replace(shape=(3, 2))},
        {"a": one, "b": other._replace(dtype="U8")},
        {"a": one._replace(digest="ef" * 32), "b": other},
        {"a": one},
    ]
    assert len({name, *map(fingerprint, others)}) == 6


def test_another_process_reads_the_file():
    code = (
        "import sys; from tests.bitstream.test_container import TABLES; "
        "from stc.bitstream import unpack; "
        "print(*unpack(sys.stdin.buffer.read(), TABLES)[1])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], input=file_of(200), capture_output=True, check=True
    )
    assert [int(word) for word in result.stdout.split()] == INDICES[:200].tolist()


def test_no_torch():
    code = "import sys, stc.bitstream; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tables_of_one_codeword_code_to_nothing():
    tables = Tables(np.array([65536]), (np.full((1, 9, 1), 65536),))
    data = pack(b"ab", tables, 0, np.zeros(9, np.int64))
    assert len(data) == 7
    assert unpack(data, tables)[1].tolist() == [0] * 9
