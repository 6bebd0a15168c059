"""`stc train` as people run it: real processes on a few synthetic pictures."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
from argparse import Namespace

import numpy as np
import pytest
from PIL import Image

from stc.cli.main import main
from stc.lab.cli.train import read_config

CONFIG = """\
about = "as small as it gets"
family = "grid"
routing = "learned"
held_out = 5

[tokenizer]
downsampling = 32
stem = 8
channels = 8
dimensions = 4

[arrangement]
kind = "switchable-token-specific"
codewords = 8
groups = 2

[base]
steps = 3
batch = 4
free = 1
perception = 0
identity = 0

[shared]
steps = 2

[specific]
steps = 2

[decoder]
steps = 2
batch = 4
perception = 0
identity = 0

[joint]
steps = 2
batch = 4
perception = 0
identity = 0
"""


def run(*arguments, code=0):
    """Run `stc train` and return its stdout and stderr."""
    result = subprocess.run(
        [sys.executable, "-m", "stc", "train", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == code, result.stderr
    return result.stdout, result.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a configuration and, in data/, a tar file of 20 pictures."""
    folder = tmp_path_factory.mktemp("train")
    (folder / "tiny.toml").write_text(CONFIG)
    (folder / "data").mkdir()
    generator = np.random.default_rng(0)
    with tarfile.open(folder / "data" / "a.tar", "w") as tar:
        for i in range(20):
            small = Image.fromarray(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            buffer = io.BytesIO()
            small.resize((128, 128), Image.Resampling.BILINEAR).save(buffer, "PNG")
            member = tarfile.TarInfo(f"{i}.png")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    return folder


def test_every_stage_in_one_command(place):
    words = (place / "tiny.toml", "--data", place / "data", "--run", place / "run")
    run(*words, "--only", "base")
    assert not (place / "run" / "shared.pt").exists()
    _, said = run(*words)
    assert "Traceback" not in said
    rows = [json.loads(x) for x in (place / "run" / "metrics.jsonl").read_text().splitlines()]
    stages = ["base", "shared", "specific", "decoder", "joint"]
    assert list(dict.fromkeys(row["stage"] for row in rows)) == stages
    assert len(list((place / "run" / "sheets").iterdir())) == 5
    _, said = run(*words, "--set", "arrangement.groups=4", code=1)
    assert said.startswith("stc: error: ")
    assert "belongs to another run: arrangement.groups is 2 there and 4 here" in said
    assert said.count("\n") == 1


def test_two_processes_train_one_model(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    words = [place / "tiny.toml", "--data", place / "data", "--run", place / "two"]
    running = []
    for rank in ("0", "1"):
        own = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "ACCELERATE_USE_CPU": "true",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "stc", "train", *map(str, words)]
        running.append(
            subprocess.Popen(command, env={**os.environ, **ranks, **own}, stderr=subprocess.PIPE)
        )
    said = [process.communicate(timeout=120)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    rows = [json.loads(x) for x in (place / "two" / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 10  # the second process logs nothing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no configuration 'nothing': `stc train --list` shows them"),
        (("tiny.toml", "--only", "fit"), "no stage 'fit' in this run: there are base, shared"),
        (("tiny.toml", "--set", "base.stepps=1"), "base.stepps: no such key"),
        (("ablation/64-global", "--only", "base", "--steps", "5"), "base.steps: no such key"),
        (("stc-open-1",), "this run needs --recogniser FILE and --lpips FILE"),
    ],
)
def test_errors_are_one_line(place, arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["train", *arguments, "--data", "data", "--run", "other"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("stc: error: ")
    assert message in said
    assert said.count("\n") == 1


def test_steps_are_those_of_the_stages_that_have_any():
    options = Namespace(config="ablation/64-global", changes=[], steps=7, only=None)
    config = read_config(options)
    assert (config.base.steps, config.shared.steps, config.decoder.steps) == (1, 7, 7)


def test_no_data_no_run_no_config(tmp_path, capsys):
    words = ["train", "grid", "--run", str(tmp_path / "run")]
    assert main([*words, "--data", str(tmp_path / "none")]) == 1
    assert (
        capsys.readouterr().err == f"stc: error: --data {tmp_path}/none: no such folder or file\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "--data is needed, or --list" in capsys.readouterr().err


def test_a_missing_package_is_named(place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    words = [str(place / "tiny.toml"), "--data", str(place / "data"), "--run", str(place / "bare")]
    assert main(["train", *words]) == 12
    said = capsys.readouterr().err
    assert said.endswith("stc: error: accelerate is missing: pip install 'stc-face-codec[lab]'\n")


def test_the_list_needs_no_torch(capsys):
    assert main(["train", "--list"]) == 0
    said = capsys.readouterr().out
    names = [line.split()[0] for line in said.splitlines()]
    assert {"grid", "sequence", "stc-open-1", "ablation/64-global"} <= set(names)
    assert all(len(line.split()) > 3 for line in said.splitlines())
    code = "import sys; from stc.cli.main import main; main(['train', '--list']); "
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
