"""Errors of files: every message names its file, once, and shows its content readably."""

import io
import os
import sys

import pytest
import segno

from stc.carriers import qr
from stc.cli.exit_codes import FileError
from stc.cli.main import main
from stc.cli.naming import InputError, about, one_of_many
from stc.errors import BudgetError, CorruptError, ModelError, SettingsError, WrongModelError

ASTRONAUT = "tests/assets/astronaut.png"
WHOLE = os.path.abspath(ASTRONAUT)


def test_an_error_that_the_input_caused_names_it():
    for error, code in ((CorruptError("why"), 4), (BudgetError("why", 9), 5)):
        with pytest.raises(InputError, match=r"^face\.stc: why$") as caught, about("face.stc"):
            raise error
        assert caught.value.exit_code == code
        assert caught.value.__cause__ is error
    with pytest.raises(InputError, match=r"^stdin: why$"), about("-"):
        raise WrongModelError("why")


def test_an_error_of_something_else_stays():
    for error in (FileError("why"), SettingsError("why"), ModelError("why"), OSError(2, "why")):
        with pytest.raises(type(error)) as caught, about("face.stc"):
            raise error
        assert caught.value is error
    with pytest.raises(InputError, match=r"^a: why$"), about("b"), about("a"):
        raise CorruptError("why")


def test_of_many_inputs_every_message_begins_with_its_own():
    found = [
        one_of_many("a", error)
        for error in (
            CorruptError("why"),
            InputError("a", CorruptError("why")),
            FileNotFoundError(2, "why", "a"),
            FileNotFoundError(2, "why", "b"),
            OSError("why"),
        )
    ]
    assert found == ["a: why", "a: why", "a: why", "a: b: why", "a: why"]


def code(content):
    """A picture of a QR code with other content."""
    buffer = io.BytesIO()
    segno.make_qr(content).save(buffer, kind="png", scale=4)
    return buffer.getvalue()


@pytest.fixture
def inputs(tmp_path, monkeypatch, face_file):
    """A folder with files that are not what a verb expects."""
    monkeypatch.chdir(tmp_path)
    with open("cut.png", "wb") as cut, open(WHOLE, "rb") as whole:
        cut.write(whole.read(5000))
    contents = {
        "hello.stc": b"hello there, stranger\n",
        "bytes.stc": bytes(range(9)),
        "damaged.stc": face_file[:-1] + b"\0\0",
        "other.png": code("https://example.org"),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)


CASES = [
    ("hello.stc", 4, "hello.stc: not a .stc file, nor a carrier of one: it begins with 'hello "),
    ("bytes.stc", 4, "of one: it begins with the bytes 00 01 02 03 04 05 06 07\n"),
    ("damaged.stc", 4, "damaged.stc: the checksum does not match"),
    ("other.png", 4, "other.png: the QR code does not hold a .stc file: it begins with 'https://"),
    ("cut.png", 7, "cut.png: the picture is broken or cut short"),
    ("none.stc", 11, "none.stc: No such file or directory\n"),
]


@pytest.mark.parametrize("verb", ["decode", "info", "qr"])
@pytest.mark.parametrize(("name", "exit_code", "message"), CASES)
def test_a_wrong_file_is_named(verb, name, exit_code, message, inputs, capsys):
    more = [] if verb == "info" else ["-o", "new.png"]
    assert main([verb, name, *more]) == exit_code
    error = capsys.readouterr().err
    assert error.startswith(f"stc: error: {name}: ")
    assert message in error
    assert error.count(name) == error.count("\n") == 1


@pytest.mark.parametrize("verb", ["decode", "info"])
def test_each_of_several_wrong_files_is_named(verb, inputs, capsys):
    names = [name for name, _, _ in CASES]
    more = [] if verb == "info" else ["-o", "new/"]
    assert main([verb, "-q", *names, *more]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in lines] == names
    assert all(line.count(name) == 1 for line, name in zip(lines, names, strict=True))


@pytest.mark.parametrize("name", ["cut.png", "hello.stc"])
def test_encode_and_compare_name_the_file_too(name, inputs, capsys):
    assert main(["encode", name, "-o", "new.stc"]) == 7
    assert capsys.readouterr().err.startswith(f"stc: error: {name}: ")
    assert main(["compare", WHOLE, name]) == 7
    assert capsys.readouterr().err.startswith(f"stc: error: {name}: ")


@pytest.mark.skipif(os.name != "posix", reason="descriptors have no such names")
def test_a_stream_is_named(tmp_path, capsys):
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        assert main(["info", f"/dev/fd/{number}"]) == 11
    finally:
        os.close(number)
    assert capsys.readouterr().err == f"stc: error: /dev/fd/{number}: Is a directory\n"


@pytest.mark.parametrize("verb", ["decode", "info", "qr"])
def test_a_picture_without_a_code_may_be_meant_for_encode(verb, tmp_path, capsys, monkeypatch):
    more = [] if verb == "info" else ["-o", str(tmp_path / "x.png")]
    assert main([verb, ASTRONAUT, *more]) == 4
    error = capsys.readouterr().err
    assert f"{ASTRONAUT}: no QR code can be read in the picture" in error
    assert "to encode the face in it, use stc encode" in error
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    assert main([verb, ASTRONAUT, *more]) == 12
    assert capsys.readouterr().err == (
        f"stc: error: {ASTRONAUT}: the file is a picture: to encode the face in it, use stc "
        "encode; to read a QR code in it, install the extra that is needed: zxingcpp is missing: "
        "pip install 'stc-face-codec[qr]'\n"
    )


@pytest.mark.parametrize("verb", ["decode", "info"])
def test_a_missing_reader_of_text_is_another_matter(verb, face_file, tmp_path, capsys, monkeypatch):
    (tmp_path / "x.txt").write_text(qr.to_text(face_file))
    monkeypatch.setitem(sys.modules, "base45", None)
    assert main([verb, str(tmp_path / "x.txt")]) == 12
    error = capsys.readouterr().err
    assert error == "stc: error: base45 is missing: pip install 'stc-face-codec[qr]'\n"


@pytest.mark.parametrize(
    "file", ["stc/codec/weights/stc-eye-1.onnx", "stc/imaging/weights/retinaface-mobilenet025.onnx"]
)
def test_a_file_that_is_no_recogniser_is_one_line(file, key, tmp_path, capsys):
    target = str(tmp_path / "a.stp")
    words = ["enroll", ASTRONAUT, "-o", target, "--key", key, "--recogniser", f"eye={file}"]
    assert main(["protect", *words]) == 6
    error = capsys.readouterr().err
    assert error.startswith(
        f"stc: error: recogniser eye: {file} is not a recognition model: it has"
    )
    assert error.count("\n") == 1
