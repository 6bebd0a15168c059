"""The filter of repeated lines."""

import logging

from stc.service.logs import OncePerMinute


def record(message, *values, level=logging.WARNING, name="a"):
    return logging.LogRecord(name, level, "file", 1, message, values, None)


def test_a_line_is_written_once_a_minute_with_a_count():
    now = [0.0]
    once = OncePerMinute(lambda: now[0])
    assert [once.filter(record("x")) for _ in range(5)] == [True, *[False] * 4]
    now[0] = 59.9
    assert not once.filter(record("x"))
    now[0] = 60.0
    again = record("x")
    assert once.filter(again)
    assert again.getMessage() == "x (and 5 more like it)"
    now[0] = 120.0
    later = record("x")
    assert once.filter(later)
    assert later.getMessage() == "x"


def test_other_lines_are_others():
    once = OncePerMinute()
    assert once.filter(record("%s failed: %s", "encode", "A"))
    assert once.filter(record("%s failed: %s", "encode", "B"))
    assert once.filter(record("encode failed: A", name="b"))
    assert not once.filter(record("encode failed: A"))
    assert not once.filter(record("encode failed: A\nsocket 77"))
    assert once.filter(record("started", level=logging.INFO))
    assert once.filter(record("started", level=logging.INFO))


def test_what_is_remembered_is_bounded():
    once = OncePerMinute()
    for number in range(1000):
        once.filter(record(str(number) * 1000))
    assert len(once._kinds) <= 100
    assert max(len(line) for _, line in once._kinds) <= 200
