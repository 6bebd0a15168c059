"""What the fuzzers call a failure; each is shown one."""

import contextlib
import itertools
import subprocess
import sys
import time

import pytest

from fuzz.checking import Failure, check
from fuzz.shrinking import failure, shrink
from fuzz.target import Target
from stc.errors import CorruptError, FormatError, ImageError


def target(answer, **changes):
    known = {"seeds": dict, "errors": (FormatError,), "parsers": (), **changes}
    return Target(answer=answer, **known)


def raising(error):
    def answer(data):
        raise error

    return answer


def test_an_answer_and_a_documented_error_are_no_failure():
    assert check(target(len), b"abc")
    assert not check(target(raising(CorruptError("no"))), b"abc")


@pytest.mark.parametrize("error", [KeyError("a"), RecursionError(), ImageError("of others")])
def test_any_other_error_is_passed_on(error):
    with pytest.raises(type(error)):
        check(target(raising(error)), b"")


def test_two_answers_are_a_failure():
    numbers = itertools.count()
    with pytest.raises(Failure, match="second result"):
        check(target(lambda data: next(numbers)), b"")


def test_an_endless_loop_is_a_failure():
    def answer(data):
        while True:
            pass

    with pytest.raises(Failure, match=r"0\.05 s"):
        check(target(answer, seconds=0.05), b"")


def test_a_slow_answer_is_a_failure_even_if_the_alarm_is_swallowed():
    def answer(data):
        end = time.process_time() + 0.1
        with contextlib.suppress(Exception):
            _work_until(end)
        _work_until(end)

    with pytest.raises(Failure, match="took"):
        check(target(answer, seconds=0.05), b"")


def _work_until(end):
    while time.process_time() < end:
        sum(range(1000))


def test_memory_that_ran_out_is_a_failure_whatever_hides_it():
    def answer(data):
        try:
            raise MemoryError
        except MemoryError as error:
            raise CorruptError("the picture is broken") from error

    with pytest.raises(Failure, match="memory"):
        check(target(answer), b"")


def test_memory_is_limited():
    program = (
        "from fuzz.checking import limit_memory\n"
        "limit_memory(64)\n"
        "bytes(16 << 20)\n"
        "try: bytes(256 << 20)\n"
        "except MemoryError: print('refused')\n"
        "kept = bytes(48 << 20)\n"
        "limit_memory(64)\n"
        "more = bytes(48 << 20)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr


def test_a_failing_input_is_made_smaller():
    def answer(data):
        if b"\xfa" in data and len(data) > 3:
            raise KeyError(data)

    own = target(answer)
    wanted = failure(own, b"abcd\xfaefgh")
    assert wanted == ("KeyError", "")
    assert shrink(b"abcd\xfaefgh", lambda data: failure(own, data) == wanted) == b"\xfa\0\0\0"
