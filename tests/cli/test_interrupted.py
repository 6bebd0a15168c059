"""Processes that are killed while they write, and processes that write one file concurrently."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ASTRONAUT = Path("tests/assets/astronaut.png").resolve()
SIZE = 1 << 21

# Writes files that consist of one repeated byte, until it is killed.
WRITER = """\
import sys
from stc.cli.writing import write_atomically
name, size, force = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
print("ready", flush=True)
for number in range(1 << 30):
    data = bytes([number % 256]) * size
    write_atomically(name if force else f"{name}{number}", data, force=force)
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal to kill with")


def start(*arguments, folder):
    """Start a process that writes; it is ready when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, arguments)], cwd=folder, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process):
    process.kill()
    process.communicate()


def check(folder):
    """Check that every file, also a temporary one, is complete -> their number."""
    files = list(folder.iterdir())
    for path in files:
        data = path.read_bytes()
        assert len(data) == SIZE, path
        assert data == data[:1] * SIZE, path
    return len(files)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.gate)])
def test_a_writer_that_is_killed_leaves_no_half_file(tmp_path, force, count):
    moments = random.Random(count)  # noqa: S311
    (tmp_path / "face").write_bytes(bytes(SIZE))
    for _ in range(count):
        writer = start("face", SIZE, force, folder=tmp_path)
        time.sleep(moments.uniform(0, 0.05))
        kill(writer)
        if sys.platform == "linux":
            assert check(tmp_path) >= 1
        assert (tmp_path / "face").stat().st_size == SIZE
        if not force:
            for path in tmp_path.glob("face?*"):
                path.unlink()


def test_two_processes_that_write_one_file(tmp_path):
    (tmp_path / "face").write_bytes(bytes(SIZE))
    writers = [start("face", SIZE, True, folder=tmp_path) for _ in range(2)]
    try:
        for _ in range(20):
            data = (tmp_path / "face").read_bytes()
            assert data == data[:1] * SIZE
    finally:
        for writer in writers:
            kill(writer)


def test_two_processes_that_make_one_file(tmp_path):
    program = (
        "import sys, time; from stc.cli.writing import write_atomically\n"
        "for number in range(40):\n"
        "    try: write_atomically(f'{number}', sys.argv[1].encode())\n"
        "    except Exception as error: assert 'give --force' in str(error)\n"
        "    else: print(number)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, f"{who}"], cwd=tmp_path, stdout=-1)
        for who in "ab"
    ]
    made = [set(writer.communicate()[0].split()) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert not made[0] & made[1]
    assert len(made[0] | made[1]) == 40
    for who, own in zip("ab", made, strict=True):
        assert all((tmp_path / name.decode()).read_text() == who for name in own)


@pytest.mark.gate
def test_encode_that_is_killed_at_a_hundred_moments(tmp_path):
    kept, new, code = tmp_path / "kept.stc", tmp_path / "new.stc", tmp_path / "code.png"
    words = [sys.executable, "-m", "stc", "encode", str(ASTRONAUT), "--effort", "0", "-o"]
    began = time.monotonic()
    subprocess.run([*words, str(new), "--qr", str(code)], check=True, capture_output=True)
    takes = time.monotonic() - began
    whole, drawn = new.read_bytes(), code.read_bytes()
    moments, killed = random.Random(0), 0  # noqa: S311
    for number in range(100):
        for path in (new, code):
            path.unlink(missing_ok=True)
        kept.write_bytes(b"precious")
        over = number % 2 == 1
        more = [str(kept), "-f"] if over else [str(new), "--qr", str(code)]
        process = subprocess.Popen([*words, *more], stdout=-1, stderr=-1, env=os.environ)
        time.sleep(moments.uniform(0.5, 1) * takes)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert kept.read_bytes() in ((b"precious", whole) if over else (b"precious",))
        assert not new.exists() or new.read_bytes() == whole
        assert not code.exists() or code.read_bytes() == drawn
        if sys.platform == "linux":
            assert {path.name for path in tmp_path.iterdir()} <= {kept.name, new.name, code.name}
    assert killed > 30
