"""The known name that a misspelt one stands for."""

import pytest

from stc.suggestion import closest

OPTIONS = ["--max-bytes", "--min-quality", "--model", "-o", "--output"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("--maxbytes", "--max-bytes"),
        ("--MAX_BYTES", "--max-bytes"),
        ("-max-bytes", "--max-bytes"),
        ("--quality", "--min-quality"),
        ("--outptu", "--output"),
        ("--modle", "--model"),
        ("--width", None),
        ("--" + "x" * 100_000, None),
        ("", None),
    ],
)
def test_the_most_similar_name(name, expected):
    assert closest(name, OPTIONS) == expected


def test_names_are_returned_as_they_are_known():
    assert closest("max-bytes", ["max_bytes", "mark"]) == "max_bytes"
    assert closest("max-bytes", []) is None
