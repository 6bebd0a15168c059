"""Cold start and peak memory of every command, in new processes: medians of ten.

pytest benchmarks/bench_commands.py --benchmark-only
"""

import subprocess
import sys

import pytest

ASTRONAUT = "tests/assets/astronaut.png"

COMMANDS = {
    "--help": ["--help"],
    "--version": ["--version"],
    "info": ["info", "{folder}/face.stc"],
    "encode, a photograph": ["encode", ASTRONAUT, "-q", "-f", "-o", "{folder}/out.stc"],
    "encode, a canvas": ["encode", "{folder}/face.png", "-q", "-o", "-"],
    "encode --align never": ["encode", "{folder}/face.png", "-q", "--align", "never", "-o", "-"],
    "decode": ["decode", "{folder}/face.stc", "-q", "-f", "-o", "{folder}/out.png"],
}

# The lower bound for programs that use numpy and Pillow.
IMPORTS = "python: import numpy, PIL.Image"


# The system counts memory that a child shares with its parent, so the measuring parent is small.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def stc(arguments, folder):
    filled = [argument.format(folder=folder) for argument in arguments]
    return [sys.executable, "-m", "stc", *filled]


def run(command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a .stc file and the decoded face."""
    path = tmp_path_factory.mktemp("commands")
    run(stc(["encode", ASTRONAUT, "-q", "-o", "{folder}/face.stc"], path))
    run(stc(["decode", "{folder}/face.stc", "-q", "-o", "{folder}/face.png"], path))
    return path


@pytest.mark.parametrize("name", [IMPORTS, *COMMANDS])
def test_cold_start(benchmark, folder, name):
    if name == IMPORTS:
        command = [sys.executable, "-c", "import numpy, PIL.Image"]
    else:
        command = stc(COMMANDS[name], folder)
        name = f"stc {name}"
    benchmark.pedantic(run, (command,), rounds=10, warmup_rounds=1)
    measured = subprocess.check_output([sys.executable, "-c", MEASURE, *command], text=True)
    benchmark.extra_info.update(command=name, peak_megabytes=int(measured))
