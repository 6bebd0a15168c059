"""Default outputs: beside the input, as for compressors, or stdout for stdin."""

import io
import os
import sys

import pytest
from PIL import Image

import stc
from stc.carriers import qr
from stc.cli import files
from stc.cli.main import main
from stc.settings import Encoded

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture
def folder(face_file, tmp_path, monkeypatch):
    """A folder with two pictures, one in a subfolder; encoding returns a fixed file."""
    with Image.open(ASTRONAUT) as picture:
        for name in ("photo.jpg", "below/my.photo.png"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            picture.convert("RGB").save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    done = [Encoded(face_file, 1, 0.9)]
    monkeypatch.setattr("stc.api.encode_pictures", lambda *_, **__: done)
    return tmp_path


def test_there_and_back(folder, face_file, capsys):
    assert main(["encode", "photo.jpg", "below/my.photo.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["photo.stc", "below/my.photo.stc"]
    for name in ("photo.stc", "below/my.photo.stc"):
        assert (folder / name).read_bytes() == face_file
    assert main(["decode", "photo.stc"]) == 0
    with Image.open("photo.png") as picture:
        assert picture.tobytes() == stc.decode(face_file).tobytes()
    assert main(["qr", "photo.stc"]) == 0
    assert qr.read("photo.qr.png") == face_file


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["encode", "photo.jpg"], "photo.stc"),
        (["decode", "photo.stc"], "photo.png"),
        (["qr", "photo.stc"], "photo.qr.png"),
    ],
)
@pytest.mark.parametrize("force", [["-f", 0], ["-f", 2], ["--force", 1]])
def test_what_exists_is_kept_unless_forced(words, target, force, folder, face_file, capsys):
    (folder / "photo.stc").write_bytes(face_file)
    (folder / target).write_bytes(b"precious")
    assert main(words) == 10
    assert f"{target} exists: give --force" in capsys.readouterr().err
    assert (folder / target).read_bytes() == b"precious"
    flag, place = force
    assert main([*words[:place], flag, *words[place:]]) == 0
    assert (folder / target).read_bytes() != b"precious"


def test_two_inputs_of_one_name(folder, capsys):
    (folder / "photo.png").write_bytes(b"")
    assert main(["encode", "photo.jpg", "photo.png"]) == 2
    assert "photo.jpg and photo.png would both be written to photo.stc" in capsys.readouterr().err
    assert not (folder / "photo.stc").exists()


def test_a_picture_of_a_code_is_not_its_own_face(folder, face_file, capsys):
    (folder / "code.png").write_bytes(qr.make(face_file).draw())
    assert main(["decode", "code.png", "-f"]) == 2
    assert "give -o with another name" in capsys.readouterr().err
    assert qr.read("code.png") == face_file


def test_a_code_alone_needs_no_file(folder, face_file):
    assert main(["encode", "photo.jpg", "--qr", "code.png", "-q"]) == 0
    assert qr.read("code.png") == face_file
    assert not (folder / "photo.stc").exists()


def test_stdin_goes_to_stdout(folder, face_file, monkeypatch, capfdbinary):
    for verb, data in (("encode", b"a picture"), ("decode", face_file), ("qr", face_file)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main([verb, "-"]) == 0
        written, printed = capfdbinary.readouterr()
        assert b" bytes" in printed
        if verb == "encode":
            assert written == face_file
        elif verb == "qr":
            assert qr.read(written) == face_file
        else:
            assert Image.open(io.BytesIO(written)).size == (256, 256)
    assert sorted(os.listdir(folder)) == ["below", "photo.jpg"]


def test_messages_about_files_do_not_meet_data(folder, face_file, monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a picture")))
    assert main(["encode", "photo.jpg", "-"]) == 0
    written, printed = capfdbinary.readouterr()
    assert written == face_file
    assert b"photo.stc: " in printed


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_a_terminal_gets_bytes_only_if_forced():
    ours, theirs = os.openpty()
    try:
        with pytest.raises(files.FileError, match="is a terminal"):
            files.check_target(f"/dev/fd/{theirs}", force=False)
        files.check_target(f"/dev/fd/{theirs}", force=True)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("name", ["", ".", "..", "/", ".jpg"])
def test_names_without_a_stem(name):
    ((_, target),) = files.pair_up([name], None, ".stc")
    assert target.endswith(".stc")


def test_force_where_nothing_is_overwritten(path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["-f", "info", str(path)])
    assert "stc info never overwrites files" in capsys.readouterr().err


def test_loud_and_quiet_at_once(path, capsys):
    for words in (["-q", "info", str(path), "-v"], ["-v", "info", "-q", str(path)]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert "not allowed with" in capsys.readouterr().err
