"""The command with streams that are closed, full, or read by a process that has exited."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from stc.cli import streams

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")

# `put NAME` writes an output and a message as every verb does, without importing numpy.
PUT = """\
import sys
from stc.cli import files, main
def run(words):
    from stc.cli.writing import write_atomically
    write_atomically(words[0], files.read_all(words[1], 99) if words[1:] else b"data")
    print("message", file=sys.stderr if files.is_stdout(words[0]) else sys.stdout)
    return 0
main.run = run
sys.exit(main.main())
"""


def shell(line, folder, stdin=b"", unbuffered=False):
    """Run a line of bash in a folder -> its exit code, stdout and stderr."""
    (folder / "put.py").write_text(PUT)
    for name, words in (("stc", "-m stc"), ("put", "put.py")):
        line = re.sub(rf"\b{name} ", f"{sys.executable} {words} ", line, count=1)
    result = subprocess.run(
        ["bash", "-c", line],  # noqa: S607
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""},
    )
    assert b"Traceback" not in result.stderr
    assert b"Exception ignored" not in result.stderr
    return result.returncode, result.stdout, result.stderr.decode()


@pytest.fixture
def folder(path):
    """A folder with face.stc."""
    return path.parent


@pytest.mark.gate
def test_closed_streams_of_a_whole_verb(folder, face_file):
    from stc.carriers import qr

    code = qr.make(face_file).draw()
    assert shell("stc qr face.stc -o - 2>&-", folder) == (0, code, "")
    assert shell("stc qr face.stc -o code.png >&-", folder) == (0, b"", "")
    assert (folder / "code.png").read_bytes() == code
    assert shell("stc qr /dev/stdin -o 2.png <&-", folder)[0] == 11
    assert shell("stc qr /dev/stdin -o - < face.stc", folder)[1] == code
    status, _, printed = shell("stc encode x.png -o - --qr /dev/stdout", folder)
    assert status == 2
    assert "both write to stdout" in printed


@pytest.mark.parametrize(
    ("line", "status", "printed"),
    [
        ("put - 2>&-", 0, b"data"),
        ("put /dev/stdout 2>&-", 0, b"data"),
        ("put new >&-; cat new", 0, b"data"),
        ("put new 2>&- >&- <&-; cat new", 0, b"data"),
        ("put - >&-", 11, b"stdout is closed"),
        ("put /dev/stdout >&-", 11, b"stdout is closed"),
        ("put new - <&-", 11, b"stdin is closed"),
        ("put new /dev/stdin <&-", 11, b"stdin is closed"),
        ("stc info face.stc >&-", 11, b"stdout is closed"),
        ("stc info - <&-", 11, b"stdin is closed"),
    ],
)
def test_closed_streams(line, status, printed, folder):
    found = shell(line, folder)
    assert found[0] == status
    if status:
        assert printed.decode() in found[2]
        assert found[2].count("\n") == 1
    else:
        assert found[1] == printed


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed, folder):
    program = (
        "import os; from stc.cli import streams; streams.prepare();"
        "number = os.open('new', os.O_CREAT | os.O_WRONLY);"
        "os.system('echo noise >&2; echo noise');"
        "os.write(number, b'%d' % (number > 2))"
    )
    subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "{program}" {closed}'],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert (folder / "new").read_bytes() == b"1"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [("stc --help", True), ("stc --version", False), ("put -", True), ("put -", False)],
)
def test_a_full_device_is_an_error(words, unbuffered, folder):
    status, _, printed = shell(f"{words} > /dev/full", folder, unbuffered=unbuffered)
    assert status == 11
    assert printed.startswith("stc: error: ")
    assert "No space left" in printed
    assert printed.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_what_is_full_is_named(folder):
    status, _, printed = shell("stc info face.stc > /dev/full", folder)
    assert (status, printed) == (11, "stc: error: stdout: No space left on device\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_the_exit_code_stays_where_errors_cannot_be_printed(folder):
    (folder / "junk").write_bytes(b"\xfa\xc1")
    assert shell("stc info junk face.stc junk 2> /dev/full", folder)[0] == 4
    assert shell("stc info 2> /dev/full", folder)[0] == 2


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_that_has_left_gets_no_message(unbuffered, folder):
    line = "put - | true; echo ${PIPESTATUS[0]}"
    status, printed, error = shell(line, folder, unbuffered=unbuffered)
    assert (status, error.replace("message\n", "")) == (0, "")
    assert printed in (b"0\n", b"1\n")  # depends on whether the reader had exited


@pytest.mark.parametrize(
    "line",
    [
        "put /dev/fd/1",
        "put /dev/fd/3 3>&1",
        "put /dev/stderr 2>&1 >/dev/null",
        "{ put >(cat >&2) >/dev/null; } 2>&1 | cat",
        "mkfifo pipe; cat pipe & put pipe >/dev/null; wait",
        "printf be > out; put /dev/stdout >> out; cat out",
        "put /dev/fd/3 3> out >/dev/null; cat out",
        "put - <(printf data)",
        "printf data > in; put - /dev/fd/4 4< in",
    ],
)
def test_names_of_open_files_and_pipes(line, folder):
    status, printed, _ = shell(line, folder)
    assert status == 0
    assert printed.removeprefix(b"be") == b"data"


def test_sockets(folder):
    ours, theirs = socket.socketpair()
    (folder / "put.py").write_text(PUT)
    command = [sys.executable, "put.py", "/dev/stdout", "/dev/stdin"]
    with ours, theirs:
        ours.sendall(b"from a socket")
        ours.shutdown(socket.SHUT_WR)
        subprocess.run(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, check=True, cwd=folder
        )
        theirs.close()
        assert b"".join(iter(lambda: ours.recv(1 << 16), b"")) == b"from a socket"


def test_streams_that_ask_nobody_to_wait(folder):
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    program = (
        "import os, time; from stc.cli import streams; os.set_blocking(0, False);"
        "streams.write(1, streams.read(0, -1) * (1 << 17))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=theirs
    ) as process:
        os.close(theirs)
        time.sleep(0.3)  # long enough for a read that finds no data
        process.stdin.write(b"slow")
        process.stdin.close()
        with os.fdopen(ours, "rb") as pipe:
            assert pipe.read() == b"slow" * (1 << 17)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("-", 7),
        ("/dev/stdin", 0),
        ("/dev/stdout", 1),
        ("/dev/stderr", 2),
        ("/dev/fd/12", 12),
        ("/proc/self/fd/3", 3),
        ("/dev/fd/x", None),
        ("/dev/fd/1/x", None),
        ("./-", None),
        ("dev/stdout", None),
        ("", None),
    ],
)
def test_names_of_descriptors(name, number):
    assert streams.descriptor(name, 7) == number
