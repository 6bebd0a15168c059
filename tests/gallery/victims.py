"""Functions and encoders that end their process, for tests of galleries."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stc.gallery.batch import Encoder

KILL = b"kill"


def work(item, report):
    """An item's square; "kill" and "end" end this process, "fail" raises, "slow" takes a second."""
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
    """An initialiser that ends the process before it works on an item."""
    os._exit(3)


@dataclass(frozen=True, init=False)
class Victim(Encoder):
    """An encoder whose process is killed at picture KILL, as by a system out of memory."""

    def encode(self, pictures):
        if KILL in pictures:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(pictures)


@dataclass(frozen=True, init=False)
class Remover(Encoder):
    """An encoder that renames the folder of shards while it encodes."""

    def encode(self, pictures):
        folder = Path(self.column)
        folder.rename(folder.with_name("elsewhere"))
        return super().encode(pictures)
