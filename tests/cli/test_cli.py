"""The command in real processes, with real files."""

import io
import json
import os
import subprocess
import sys
from binascii import crc_hqx
from pathlib import Path

import pytest
from PIL import Image

import stc
from stc.cli import main

ASTRONAUT = Path("tests/assets/astronaut.png")


def run(*arguments, stdin=b"", code=0):
    """Run `stc`, check the exit code -> its stdout and stderr."""
    command = [sys.executable, "-W", "error::UserWarning", "-m", "stc.cli.main"]
    result = subprocess.run(
        [*command, *map(str, arguments)], input=stdin, capture_output=True, timeout=120
    )
    assert result.returncode == code, result.stderr.decode()
    return result.stdout, result.stderr.decode()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """The astronaut's file of 192 bytes, and the output of `stc encode`."""
    path = tmp_path_factory.mktemp("cli") / "face.stc"
    printed, _ = run("encode", ASTRONAUT, "-o", path)
    return path, printed.decode()


def test_encode_prints_size_and_quality(encoded):
    path, printed = encoded
    data = path.read_bytes()
    assert len(data) <= 192
    assert printed.startswith(f"{path}: {len(data)} bytes, ")
    for word in ("tokens", "bits per pixel", "quality", "identity"):
        assert word in printed
    assert list(path.parent.iterdir()) == [path]


def test_decode_of_a_file_made_by_another_process(encoded, tmp_path):
    path, _ = encoded
    out = tmp_path / "out.jpg"
    printed, _ = run("decode", path, "-o", out, "--size", 200)
    assert b"200x200" in printed
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("JPEG", (200, 200))
    assert stc.decode(path.read_bytes()).size == (256, 256)


def test_effort_is_what_it_is_in_python(tmp_path):
    found = {}
    for effort in (0, 1):
        path = tmp_path / f"{effort}.stc"
        words = ["encode", ASTRONAUT, "-o", path, "-q", "--max-bytes", 64, "--effort", effort]
        assert main.main([*map(str, words)]) == 0
        found[effort] = path.read_bytes()
        assert found[effort] == stc.encode(ASTRONAUT, max_bytes=64, effort=effort)
    assert found[0] != found[1]


@pytest.mark.parametrize("effort", ["-1", "10", "most"])
def test_an_effort_that_there_is_not_is_a_usage_error(effort, capsys):
    with pytest.raises(SystemExit) as refused:
        main.main(["encode", str(ASTRONAUT), "-o", "x", f"--effort={effort}"])
    assert refused.value.code == 2
    assert "from 0 to 9" in capsys.readouterr().err


def test_pipes():
    data, printed = run("encode", "-", "-o", "-", "--max-bytes", 64, stdin=ASTRONAUT.read_bytes())
    assert len(data) <= 64
    assert "bytes" in printed
    picture, _ = run("decode", "-", "-o", "-", stdin=data)
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_info(encoded):
    path, _ = encoded
    text, _ = run("info", path)
    for word in ("version 1", "stc-open-1", "tokens", "bits/level", "at 256 px"):
        assert word in text.decode()
    one, _ = run("info", "--json", path)
    found = json.loads(one)
    size = path.stat().st_size
    assert found["size"] == size
    assert found["bpp256"] == size * 8 / 256**2
    assert found["bits_per_level"][0] > 100


def test_many_inputs_into_a_folder(tmp_path):
    (tmp_path / "b.png").write_bytes(ASTRONAUT.read_bytes())
    Image.new("RGB", (200, 200), "green").save(tmp_path / "empty.png")
    out = tmp_path / "out"
    printed, errors = run(
        "encode", ASTRONAUT, tmp_path / "empty.png", tmp_path / "b.png", "-o", f"{out}/", code=3
    )
    assert sorted(p.name for p in out.iterdir()) == ["astronaut.stc", "b.stc"]
    assert (out / "b.stc").read_bytes() == (out / "astronaut.stc").read_bytes()
    assert printed.count(b"bytes") == 2
    assert "empty.png: no face found" in errors


def test_nothing_is_overwritten_by_a_failure(tmp_path):
    out = tmp_path / "face.stc"
    out.write_bytes(b"precious")
    cut = tmp_path / "cut.png"
    cut.write_bytes(ASTRONAUT.read_bytes()[:5000])
    run("encode", cut, "-o", out, "--force", code=7)
    run("encode", ASTRONAUT, "-o", out, "-f", "--max-bytes", 3, code=5)
    assert out.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.png", "face.stc"]


def test_nothing_is_overwritten_unless_forced(encoded, tmp_path):
    path, _ = encoded
    out, other = tmp_path / "face.png", tmp_path / "face.stc"
    for words in (["decode", path, "-o", out], ["encode", ASTRONAUT, "-o", other]):
        words[-1].write_bytes(b"precious")
        _, printed = run(*words, code=10)
        assert "exists: give --force" in printed
        assert words[-1].read_bytes() == b"precious"
        run(*words, "-f")
        assert words[-1].read_bytes() != b"precious"


def test_flags_stand_before_or_after_the_verb(encoded):
    path, _ = encoded
    assert run("-q", "info", path)[0] == run("info", path, "-q")[0] == b""
    loud = [run(*words)[1] for words in (["-v", "info", path], ["info", path, "-v"])]
    assert loud[0] == loud[1]


def test_two_faces_need_a_choice(tmp_path):
    with Image.open(ASTRONAUT) as one:
        both = Image.new("RGB", (640, 320))
        both.paste(one, (0, 0))
        both.paste(one, (320, 0))
    both.save(tmp_path / "both.png")
    out = tmp_path / "face.stc"
    _, printed = run("encode", tmp_path / "both.png", "-o", out, code=3)
    assert "2 faces found" in printed
    assert "--face largest" in printed
    assert not out.exists()
    run("encode", tmp_path / "both.png", "-o", out, "--face", "largest", "-q")
    assert out.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["decode", ASTRONAUT, "-o", "x.png"], 4, "no QR code can be read"),
        (["decode", "setup.py", "-o", "x.png"], 4, "not a .stc file"),
        (["info", ASTRONAUT], 4, "no QR code can be read"),
        (["encode", "nowhere.png", "-o", "x.stc"], 11, "nowhere.png: No such file"),
        (["encode", ASTRONAUT, ASTRONAUT, "-o", "x.stc"], 2, "need a folder"),
        (["encode", ASTRONAUT, "-o", ASTRONAUT, "--align", "never"], 2, "both input and output"),
        (["encode", ASTRONAUT, "-o", "x.stc", "--model", "none"], 6, "no model"),
        (["encode", ASTRONAUT, "-o", "x.stc", "--stages", "99"], 2, "stages must be 1 to"),
        (["encode", ASTRONAUT, "-o", "no/where/x.stc"], 11, "there is no folder"),
        (["encode"], 2, "IN"),
        (["encode", ASTRONAUT, "-o", "x", "--stages", "1", "--max-bytes", "9"], 2, "not allowed"),
        (["decode", "x", "-o", "y.png", "--size", "0"], 2, "1 to 4096"),
        ([], 2, "VERB"),
    ],
)
def test_errors_are_one_line_and_a_code(arguments, code, message):
    _, printed = run(*arguments, code=code)
    assert message in printed
    assert "Traceback" not in printed
    if not printed.startswith("usage:"):
        assert printed.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(encoded):
    path, _ = encoded
    command = f"{sys.executable} -m stc.cli.main info {path} {path} | head -c 5"
    result = subprocess.run(command, shell=True, capture_output=True)  # noqa: S602
    assert b"Traceback" not in result.stderr
    assert b"Exception ignored" not in result.stderr


def test_help_and_info_are_light(encoded):
    path, _ = encoded
    for arguments in (["--help"], ["--version"], ["info", str(path)], ["encode", "--help"]):
        code = (
            "import sys; from stc.cli.main import main\n"
            f"try: main({arguments!r})\n"
            "except SystemExit: pass\n"
            "assert not {'torch', 'numpy', 'onnxruntime', 'PIL'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_link_and_a_device_stay_what_they_are(encoded, tmp_path):
    path, _ = encoded
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    link.symlink_to(target)
    run("decode", path, "-o", link, "--force")
    assert link.is_symlink()
    with Image.open(target) as picture:
        assert picture.size == (256, 256)
    assert oct(target.stat().st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_info_names_the_search_backend():
    printed, _ = run("info", "--backends")
    lines = printed.decode().splitlines()
    assert len([line for line in lines if line.startswith("* ")]) == 2
    for word in ("native", "portable", "numpy", "torch", "triton"):
        assert any(word in line for line in lines)


def test_info_of_nothing_is_a_wrong_command():
    _, error = run("info", code=2)
    assert "--backends" in error


def test_an_unknown_backend_is_one_line(encoded, tmp_path, monkeypatch):
    monkeypatch.setenv("STC_BACKEND", "abacus")
    _, error = run("encode", ASTRONAUT, "-o", tmp_path / "face.stc", code=12)
    assert error.count("\n") == 1
    assert "abacus" in error


def test_info_goes_on_after_a_bad_file(encoded, tmp_path):
    path, _ = encoded
    bad = tmp_path / "bad.stc"
    bad.write_bytes(b"junk")
    printed, error = run("info", path, bad, path, code=4)
    assert printed.count(b"bits/level") == 2
    assert f"{bad}: not a .stc file" in error
    body = path.read_bytes()[:2] + b"\xff\xff" + path.read_bytes()[4:-2]
    bad.write_bytes(body + crc_hqx(body, 0xFFFF).to_bytes(2, "big"))
    _, error = run("info", bad, "--model", "stc-open-1", code=6)
    assert "needs model ffff" in error


def test_formats_without_room_for_a_note_are_not_written(encoded, tmp_path):
    path, _ = encoded
    for name in ("face.bmp", "face.blp", "face.pdf"):
        _, error = run("decode", path, "-o", tmp_path / name, code=2)
        assert "use .png" in error


def test_a_bare_file_that_begins_as_a_picture_would(tmp_path, monkeypatch):
    (tmp_path / "bare").write_bytes(b"BM" + bytes(60))
    seen = []
    monkeypatch.setattr("stc.api.decode", lambda data, **_: seen.append(data) or stc.Codec)
    with pytest.raises(AttributeError):
        main.main(["decode", "--bare", str(tmp_path / "bare"), "-o", str(tmp_path / "x.png")])
    assert seen == [b"BM" + bytes(60)]
