"""Threads end with the call: equal results, safe in forked children, and no slower."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from stc.kernels import PreparedCodebooks, native
from tests.kernels.cases import groups_for, make

pytestmark = pytest.mark.skipif(bool(native.why), reason=native.why or "there")


@pytest.fixture(scope="module")
def large():
    """Latents, prepared codebooks and groups: enough work for several threads."""
    latents, codebooks, penalty = make(256, 3, 64, 256, 12)
    return latents, PreparedCodebooks(codebooks, penalty), groups_for(256, 3)


@pytest.mark.parametrize("given", [False, True])
def test_any_number_of_threads_gives_the_same_bits(large, given):
    latents, prepared, groups = large
    groups = groups if given else None
    expected = native.run(latents, prepared, groups, 1)
    for threads in (0, 2, 3, 64, 1000, -1):
        found = native.run(latents, prepared, groups, threads)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_any_part_of_a_batch_gives_the_same_bits(large):
    latents, prepared, groups = large
    expected = native.run(latents, prepared, groups, 2)
    for start, end in ((0, 1), (3, 8), (8, 21), (100, 256)):
        found = native.run(latents[start:end], prepared, groups[start:end], 2)
        np.testing.assert_array_equal(found[0], expected[0][start:end])
        np.testing.assert_array_equal(found[1], expected[1][start:end])


def test_several_callers_at_once(large):
    latents, prepared, groups = large
    expected = native.run(latents, prepared, groups, 1)
    wrong = []

    def call():
        for _ in range(5):
            found = native.run(latents, prepared, groups, 3)
            if not all((a == b).all() for a, b in zip(found, expected, strict=True)):
                wrong.append(found)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_searches_after_a_fork():
    """Run in a separate process, so that a child that hangs cannot block the tests."""
    code = """
import os, signal
from tests.kernels.native.test_threads import large
from stc.kernels import native
latents, prepared, groups = large.__wrapped__()
expected = native.run(latents, prepared, groups, 4)
for _ in range(5):
    child = os.fork()
    if not child:
        signal.alarm(20)
        found = native.run(latents, prepared, groups, 4)
        os._exit(0 if (found[0] == expected[0]).all() else 3)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    found = native.run(latents, prepared, groups, 4)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "done\n", done.stderr


def test_the_interpreter_is_free_meanwhile(large):
    """A long search does not hold Python's global lock: another thread runs meanwhile."""
    latents, prepared, _ = large
    many = np.concatenate([latents] * 4)
    stop, counted = threading.Event(), [0]

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0.0002)

    other = threading.Thread(target=count)
    other.start()
    try:
        before = counted[0]
        for _ in range(5):
            native.run(many, prepared, None, 1)
        assert counted[0] - before > 5
    finally:
        stop.set()
        other.join()


@pytest.mark.skipif(not os.path.exists("/proc/loadavg"), reason="Linux counts threads there")
def test_a_small_search_starts_no_thread(large):
    latents, codebooks, _ = make(1, 1, 32, 256, 13)

    def started(calls, latents, prepared):
        before = _last_id()
        for _ in range(calls):
            native.run(latents, prepared, None, 8)
        return _last_id() - before

    assert started(1000, latents, PreparedCodebooks(codebooks)) < 1000  # others may start some
    assert started(3, *large[:2]) >= 3


def _last_id() -> int:
    """The id of the last thread or process that the system has started."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[4])
