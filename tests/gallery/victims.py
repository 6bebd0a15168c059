"""What runs in processes that tests of galleries start, and ends them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stc.gallery.batch import Encoder

KILL = b"kill"


def work(item, report):
    """An item's square; "kill" ends this process, "end" exits, and "slow" takes a second."""
    report(10, 1)
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "end":
        os._exit(3)
    if item == "fail":
        raise RuntimeError(item)
    if item == "slow":
        time.sleep(1)
        return item
    return item * item


def start_and_end(*_):
    """An initialiser that ends the process before it is at anything."""
    os._exit(3)


@dataclass(frozen=True, init=False)
class Victim(Encoder):
    """An encoder whose process is killed at some picture, as by a system that is out of memory."""

    def encode(self, pictures):
        if KILL in pictures:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(pictures)


@dataclass(frozen=True, init=False)
class Remover(Encoder):
    """An encoder in whose time the folder of shards goes away."""

    def encode(self, pictures):
        folder = Path(self.column)
        folder.rename(folder.with_name("elsewhere"))
        return super().encode(pictures)
