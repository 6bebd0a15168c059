"""A forked child encodes and decodes as its parent did, at any state of the parent's threads."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ASTRONAUT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

USE = f"""
import multiprocessing, os, signal, threading
import numpy as np
import stc
from stc.imaging import frame

canvases = np.stack([frame("{ASTRONAUT}")] * 2)

def files(codec, effort):
    return [one.unwrap().data for one in codec.encode_batch(canvases, effort=effort)]

def end(child):
    _, status = os.waitpid(child, 0)
    assert status == 0, status
"""


def run(code, limit=100, **variables):
    """Run in a separate process, so that a child that hangs cannot block the tests."""
    environment = {**os.environ, "STC_THREADS": "2", **variables}
    return subprocess.run(
        [sys.executable, "-c", USE + code],
        capture_output=True,
        text=True,
        timeout=limit,
        env=environment,
    )


def test_children_of_every_kind_do_what_their_parent_did():
    code = f"""
data = stc.encode("{ASTRONAUT}")
picture = stc.decode(data).tobytes()

def same(_):
    signal.alarm(60)
    return stc.encode("{ASTRONAUT}") == data and stc.decode(data).tobytes() == picture

if not (child := os.fork()):
    os._exit(0 if same(0) else 3)
end(child)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(pool.map(same, range(2)))
print("done")
"""
    done = run(code)
    assert done.stdout == "done\n", done.stderr


def test_a_child_opens_an_eye_of_its_own_if_a_thread_was_looking():
    """An eye in use during the fork may be locked forever, so it is neither used nor destroyed."""
    code = """
from stc.codec import eye
whole = eye.open_eye()
if not (child := os.fork()):
    assert eye.open_eye() is whole  # it was not in use
    os._exit(0)
end(child)

inside, go = threading.Event(), threading.Event()
run = whole._forward.run

class Slow:
    def run(self, *arguments):
        inside.set()
        go.wait()
        return run(*arguments)

whole._forward = Slow()
thread = threading.Thread(target=whole.look, args=(canvases[:1],))
thread.start()
inside.wait()
if not (child := os.fork()):
    signal.alarm(60)
    assert eye.open_eye() is not whole
    assert eye._shipped._abandoned == [whole]
    eye.open_eye().look(canvases)
    os._exit(0)
go.set()
thread.join()
end(child)
assert eye.open_eye() is whole
print("done")
"""
    done = run(code)
    assert done.stdout == "done\n", done.stderr


def test_a_thread_may_encode_while_the_interpreter_waits_for_it():
    code = """
codec = stc.Codec()

def late():
    threading.main_thread().join()
    print(len(files(codec, 1)))

threading.Thread(target=late).start()
"""
    done = run(code)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.gate
def test_torch_works_in_a_child_too():
    pytest.importorskip("torch")
    code = """
codec = stc.Codec(device="torch")
import torch
torch.set_num_threads(2)
expected = files(codec, 1)
drawn = codec.decode_batch(expected)
if not (child := os.fork()):
    signal.alarm(120)
    same = [len(one) for one in files(codec, 1)] == [len(one) for one in expected]
    same = same and abs(codec.decode_batch(expected).astype(int) - drawn).max() <= 1
    same = same and torch.get_num_threads() == 2
    os._exit(0 if same else 3)
end(child)
print("done")
"""
    done = run(code, 200, OMP_NUM_THREADS="2")
    assert done.stdout == "done\n", done.stderr
