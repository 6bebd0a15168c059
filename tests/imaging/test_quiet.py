"""`quiet`: suppresses the warnings of one thread, and of no other."""

import subprocess
import sys
import threading
import warnings

import pytest

from stc.imaging.quiet import quiet


class OddWarning(Warning):
    """A stand-in for a decoder's warning of odd metadata."""


def warn():
    warnings.warn("odd", OddWarning, stacklevel=2)


def test_inside_nothing_is_heard():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet():
            warn()
    assert heard == []


def test_filters_set_later_do_not_matter():
    with quiet():
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("error", category=OddWarning)
        with quiet():
            warn()


def test_outside_everything_is_heard():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet():
            pass
        warn()
        with pytest.raises(ZeroDivisionError), quiet():
            _ = 1 / 0
        warn()
    assert [warning.category for warning in heard] == [OddWarning] * 2


def test_other_threads_are_heard_meanwhile():
    inside, done = threading.Event(), threading.Event()

    def decode():
        with quiet():
            inside.set()
            done.wait(10)
            warn()

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        thread = threading.Thread(target=decode)
        thread.start()
        inside.wait(10)
        warn()
        done.set()
        thread.join()
    assert len(heard) == 1


# Two threads in turn: the first leaves while the second is inside. With catch_warnings, the filter
# "ignore" would stay for ever.
TWO = """
import threading, warnings
from stc.imaging.quiet import quiet

before = list(warnings.filters)
steps = [threading.Barrier(2) for _ in range(3)]

def other():
    steps[0].wait()
    with quiet():
        steps[1].wait()
        steps[2].wait()

thread = threading.Thread(target=other)
thread.start()
with quiet():
    steps[0].wait()
    steps[1].wait()
steps[2].wait()
thread.join()
assert warnings.filters == before
with warnings.catch_warnings(record=True) as heard:
    warnings.warn("still heard", UserWarning)
assert len(heard) == 1
"""


def test_two_threads_in_turn_leave_nothing_behind():
    subprocess.run([sys.executable, "-c", TWO], check=True)


def test_the_filters_are_left_as_they_were():
    before = warnings.filters
    kept = before[:]
    with quiet():
        with quiet():
            warn()
        warn()
    assert warnings.filters is before
    assert warnings.filters[:] == kept


def test_what_was_warned_of_once_is_remembered():
    def warn_here():
        warnings.warn("once", OddWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for _ in range(3):
            warn_here()
            with quiet():
                warn_here()
    assert len(heard) == 1


def test_a_host_that_clears_its_filters_meanwhile():
    with warnings.catch_warnings():
        with quiet():
            warnings.resetwarnings()
        assert warnings.filters == []


def test_many_threads_leave_nothing_behind():
    before = warnings.filters[:]

    def work():
        for _ in range(200):
            with quiet():
                warn()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters[:] == before
