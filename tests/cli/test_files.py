"""Inputs and outputs of every verb: existing files are kept, inputs are never overwritten."""

import io
import os
import sys

import pytest
from PIL import Image

import stc
from stc.carriers import ndef, qr
from stc.cli import files
from stc.cli.main import main

VERBS = ["encode -o", "encode --qr", "decode -o", "qr -o", "compare -o"]


@pytest.fixture
def folder(path, monkeypatch):
    """The folder of face.stc as the current folder."""
    monkeypatch.chdir(path.parent)
    for verb in ("encode_pictures", "decode"):
        monkeypatch.setattr(f"stc.api.{verb}", None)  # errors come before any work
    return path.parent


def words(verb, source, target):
    name, option = verb.split()
    return [name, *[source] * (1 + (name == "compare")), option, target]


@pytest.mark.parametrize("verb", VERBS)
def test_what_exists_is_kept(verb, folder, capsys):
    (folder / "out.png").write_bytes(b"precious")
    os.symlink("out.png", "link.png")
    for target in ("out.png", "link.png"):
        assert main(words(verb, "face.stc", target)) == 10
        assert f"{target} exists: give --force" in capsys.readouterr().err
    assert (folder / "out.png").read_bytes() == b"precious"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["face.png", "./face.png", "link.png", "other.png"])
def test_what_is_read_is_not_written_even_if_forced(verb, name, folder, capsys):
    (folder / "face.png").write_bytes(b"precious")
    os.symlink("face.png", "link.png")
    os.link("face.png", "other.png")
    assert main([*words(verb, "face.png", name), "-f"]) == 2
    assert "both input and output" in capsys.readouterr().err
    assert (folder / "face.png").read_bytes() == b"precious"


@pytest.mark.parametrize("verb", VERBS)
def test_an_empty_name_is_no_output(verb, path, folder):
    """As of a script whose variable is not set: the output would have another name, or be none."""
    assert main(words(verb, "face.stc", "")) == 2
    assert list(folder.iterdir()) == [path]


def test_a_file_that_stdin_reads_is_not_written(folder, monkeypatch):
    with open("face.stc", "rb") as file:
        before = os.dup(0)
        try:
            os.dup2(file.fileno(), 0)
            assert files.same_file("-", "face.stc")
            assert files.same_file("/dev/stdin", "./face.stc")
            assert not files.same_file("-", "other.stc")
        finally:
            os.dup2(before, 0)
            os.close(before)


def test_devices_are_not_the_same_file():
    for name in ("-", os.devnull):
        assert not files.same_file(name, name)
    assert files.is_device(os.devnull)
    assert not files.is_device(os.curdir)
    assert not files.is_stdout(os.devnull)
    assert files.is_stdout("-")


def test_pipes_without_an_ending_get_png(path, tmp_path):
    if os.name != "posix":
        pytest.skip("pipes have no such names")
    # Small pictures: all is written before the pipe is read, and a pipe holds 64 KB.
    for verb in (["decode", "--size", "64"], ["qr"]):
        ours, theirs = os.pipe()
        assert main([*verb, str(path), "-o", f"/dev/fd/{theirs}", "-q"]) == 0
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe, Image.open(io.BytesIO(pipe.read())) as picture:
            assert picture.format == "PNG"


@pytest.fixture
def carriers(face_file, tmp_path):
    """Carriers of a face, as saved by scanners and tag readers."""
    memory = ndef.memory(face_file, "ntag215")
    pages = bytes.fromhex("04a1b22f c3d4e5f6 00480000 e1103e00")
    contents = {
        "scanned.txt": qr.to_text(face_file).lower().encode() + b"\r\n",
        "windows.txt": b"\xff\xfe" + qr.to_text(face_file).encode("utf-16-le"),
        "tag.bin": pages + memory + bytes(504 - len(memory)),
        "tag.ndef": ndef.message(face_file),
        "code.png": qr.make(face_file, text=True).draw(),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in contents]


def test_what_carries_a_face_is_read_by_every_verb(carriers, face_file, tmp_path, capsys):
    expected = stc.decode(face_file).tobytes()
    assert main(["decode", *carriers, "-o", f"{tmp_path}/faces/", "-q"]) == 2  # tag.png twice
    assert main(["info", "--json", *carriers]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [f'"size": {len(face_file)},' in line for line in printed] == [True] * len(carriers)
    (tmp_path / "face.stc").write_bytes(face_file)
    for number, name in enumerate(carriers):
        picture, code = tmp_path / f"{number}.png", tmp_path / f"{number}-code.png"
        assert main(["decode", name, "-o", str(picture), "-q"]) == 0
        with Image.open(picture) as found:
            assert found.tobytes() == expected
        assert main(["qr", name, "-o", str(code), "-q"]) == 0
        assert qr.read(code) == face_file
    capsys.readouterr()
    for name in carriers[2:3]:
        assert main(["compare", name, str(tmp_path / "face.stc")]) == 0
        assert "PSNR inf dB" in capsys.readouterr().out


def test_text_on_stdin(face_file, monkeypatch, capsys):
    text = io.TextIOWrapper(io.BytesIO(qr.to_text(face_file).encode() + b"\n"))
    monkeypatch.setattr(sys, "stdin", text)
    assert main(["info", "-"]) == 0
    assert f"{len(face_file)} bytes" in capsys.readouterr().out


def test_a_file_with_a_header_is_read_where_bare_ones_are_expected(path, tmp_path, capsys):
    assert main(["info", "--bare", str(path)]) == 0
    assert "bare" not in capsys.readouterr().out
    for verb in ("decode", "qr"):
        assert main([verb, "--bare", str(path), "-o", str(tmp_path / f"{verb}.png")]) == 0
