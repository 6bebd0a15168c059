"""Locks that a forked child can take, and what it must not touch."""

import os
import signal
import threading

import pytest

from stc.fork_lock import ForkLock, UsageTracker, cached_property

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

lock = ForkLock()
left = []
inside = UsageTracker(lambda: left.append("abandoned"))


@pytest.fixture
def held():
    """Another thread is where `with` leads, while the test runs."""
    entered, go = threading.Event(), threading.Event()

    def hold():
        with lock, inside:
            entered.set()
            go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    yield
    go.set()
    thread.join()


def in_child(check):
    """What a forked child finds: whether `check()` holds."""
    child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(0 if check() else 3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def can_be_taken():
    with lock:
        return True


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # of Python 3.12's fork
def test_a_child_takes_what_a_thread_of_the_parent_holds(held):
    assert in_child(can_be_taken)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_abandons_what_a_thread_of_the_parent_was_in(held):
    assert in_child(lambda: left == ["abandoned"])
    assert left == []  # here nothing has changed


def test_a_child_keeps_what_nobody_was_in():
    assert in_child(lambda: left == [])


def test_a_child_that_was_forked_inside_leaves_as_well():
    def leave():
        inside.__exit__()
        return left == ["abandoned"]

    with inside:
        assert in_child(leave)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_computes_what_a_thread_of_the_parent_was_computing():
    entered, go, parent = threading.Event(), threading.Event(), os.getpid()

    class Slow:
        @cached_property
        def value(self):
            if os.getpid() == parent:
                entered.set()
                go.wait()
            return 7

    thread = threading.Thread(target=lambda: Slow().value)
    thread.start()
    entered.wait()
    try:
        assert in_child(lambda: Slow().value == 7)
    finally:
        go.set()
        thread.join()
