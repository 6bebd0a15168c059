"""Killing commands: python -m tests.cli.killing reads one per line, and runs it in a fork.

A fork takes milliseconds, a new process half a second. No faces are detected: the template of a
picture is random, with the picture's name as the seed.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np

STEPS = {"os.rename", "os.link", "os.remove", "os.truncate", "os.chmod", "os.chown", "fcntl.flock"}


def template_of(name, extractor=None, options=None):
    """A random template of 12 groups of 16 in place of a face's; those of one kind are similar."""
    from stc.protection import GroupedTemplate

    person = np.random.default_rng(0).standard_normal((12, 16))
    noise = np.random.default_rng(sum(name.encode())).standard_normal((12, 16))
    return GroupedTemplate(person + 0.1 * noise, np.full(12, 1 / 12))


class Runner:
    """The process that forks; `run` returns a command's exit code, or the negative signal."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *words, step=None, seconds=None, limit=None, user=None):
        """Run `stc protect` with these words; kill -9 before a step, or after some time.

        step: the number of a call that changes files, from 1. limit: bytes after which no file
        grows, as on a full disk. user: the number of the user who runs it.
        """
        job = [[*map(str, words)], step, seconds, limit, user]
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def serve():
    """Run the commands from stdin."""
    import stc.cli.protect.enroll
    import stc.cli.protect.renew
    from stc.cli.main import main

    for verb in (stc.cli.protect.enroll, stc.cli.protect.renew):
        verb.template_of, verb.open_extractor = template_of, lambda options: None
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    load()
    for line in sys.stdin:
        words, step, seconds, limit, user = json.loads(line)
        child = os.fork()
        if not child:
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            if user is not None:
                os.setgid(user)
                os.setuid(user)
            if step is not None:
                kill_before(step)
            code = 99
            try:
                code = main(["protect", *words])
            finally:
                os._exit(code)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def load():
    """Load what is loaded on first use, so that the forks have it in memory."""
    from stc.cli.main import main
    from stc.protection import Key, match, protect

    main(["protect", "info", os.devnull])
    template, key = template_of("a"), Key(bytes(32))
    match(template, protect(template, key, "a"), key)


def kill_before(step):
    """Kill this process before the given call, counted from 1, that changes a file."""
    left = [step]

    def count(event, values):
        changes = event in STEPS or (event == "open" and values[2] & (os.O_WRONLY | os.O_RDWR))
        if changes:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    real = os.fsync
    os.fsync = lambda number: (count("os.rename", ()), real(number), count("os.rename", ()))
    sys.addaudithook(count)


if __name__ == "__main__":
    serve()
