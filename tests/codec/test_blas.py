"""numpy's products use one thread inside `one_thread`, and the old number of threads after it."""

from threading import Barrier, Thread

import pytest
from threadpoolctl import ThreadpoolController

from stc.codec.blas import one_thread


@pytest.fixture
def controller():
    controller = ThreadpoolController()
    with controller.limit(limits=2, user_api="blas"):
        if threads(controller) != {2}:
            pytest.skip("numpy's BLAS has no threads to limit")
        yield controller


def threads(controller):
    return {own["num_threads"] for own in controller.info() if own["user_api"] == "blas"}


def test_one_inside_and_as_before_outside(controller):
    with one_thread():
        assert threads(controller) == {1}
        with one_thread():
            assert threads(controller) == {1}
        assert threads(controller) == {1}
    assert threads(controller) == {2}


def test_an_error_inside_restores_too(controller):
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert threads(controller) == {2}


def test_the_last_of_several_threads_restores(controller):
    inside, seen = Barrier(2), []

    def first():
        with one_thread():
            inside.wait()  # both are inside
            inside.wait()  # the other one is outside
            seen.append(threads(controller))

    thread = Thread(target=first)
    thread.start()
    with one_thread():
        inside.wait()
    inside.wait()
    thread.join()
    assert seen == [{1}]
    assert threads(controller) == {2}
