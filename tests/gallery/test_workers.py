"""Workers have one thread each, independent of their parent's settings."""

import os

import numpy as np
import threadpoolctl

from stc.gallery.workers import ONE_THREAD, pool
from stc.threads import threads


def test_a_worker_has_one_thread(monkeypatch):
    """Unpickling the initialiser loads numpy, as the arguments of galleries may do."""
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "2")
    monkeypatch.delenv("MKL_NUM_THREADS")
    before = dict(os.environ)
    with pool(1, np.zeros, 1) as processes:
        found = processes.submit(threadpoolctl.threadpool_info).result()
        own = processes.submit(threads).result()
    assert {library["num_threads"] for library in found if library["user_api"] == "blas"} == {1}
    assert own == 1
    assert dict(os.environ) == before
