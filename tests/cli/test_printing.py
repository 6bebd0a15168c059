"""File names that a terminal cannot print, or must not print."""

import os
import sys

import pytest

from stc.cli.main import main
from stc.cli.printing import shown, shown_lines

NAME = "b\udcff\x1b[31m\nc"
SHOWN = r"b\xff\x1b[31m\nc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("face.stc", "face.stc"),
        ("f\xe4ce \u540d.stc", "f\xe4ce \u540d.stc"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("\udc80\udcff", r"\x80\xff"),
        ("\ud800", r"\ud800"),
        ("a\u202eb\u2028c", r"a\u202eb\u2028c"),
        (r"back\slash", r"back\slash"),
    ],
)
def test_text_on_one_line(text, expected):
    assert shown(text) == expected
    assert shown_lines(f"{text.replace(chr(10), '')}\nx").endswith("\nx")


@pytest.fixture
def odd(path, monkeypatch):
    """A folder with a file of an unprintable name, and one of a normal name after it."""
    if sys.platform != "linux":
        pytest.skip("file systems of other systems refuse such names")
    folder = path.parent
    monkeypatch.chdir(folder)
    for name in (NAME, "plain"):
        with open(f"{name}.stc", "wb") as file:
            file.write(path.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["decode", "-o", "out/"], 2),
        (["qr", "-o", "out/"], 2),
        (["info"], 16),
        (["info", "--json"], 2),
    ],
)
def test_a_name_that_cannot_be_printed_ends_no_batch(words, lines, odd, capsys):
    verb, *rest = words
    assert main([verb, f"{NAME}.stc", "plain.stc", *rest]) == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == lines
    assert "plain" in printed
    if "--json" not in words:
        assert SHOWN in printed
    if "-o" in words:
        assert len(os.listdir("out")) == 2


def test_encode_and_compare(odd, capsys):
    picture = os.path.join(os.path.dirname(__file__), "../assets/astronaut.png")
    for name in (f"{NAME}.png", "plain.png"):
        os.symlink(picture, name)
    words = ["encode", f"{NAME}.png", "plain.png", "-o", "out/", "--qr", "codes/", "--effort", "0"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"out/{SHOWN}.stc",
        f"codes/{SHOWN}.png",
        "out/plain.stc",
        "codes/plain.png",
    ]
    assert main(["compare", f"{NAME}.stc", "plain.stc"]) == 0
    assert capsys.readouterr().out.startswith(f"{SHOWN}.stc: ")


def test_errors_are_on_one_line_too(odd, capsys):
    with open(NAME, "wb") as file:
        file.write(b"junk")
    assert main(["info", NAME, NAME]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"stc: error: {SHOWN}: not a .stc file")
    assert main(["info", f"{NAME}/none"]) == 11
    assert capsys.readouterr().err == f"stc: error: {SHOWN}/none: Not a directory\n"
    with pytest.raises(SystemExit, match="2"):
        main(["info", NAME, f"--{NAME}"])
    printed = capsys.readouterr().err
    assert printed.endswith(f"unrecognized arguments: --{SHOWN}\n")


def test_streams_that_take_ascii_alone(odd, monkeypatch, capfdbinary):
    with open(1, "w", encoding="ascii", closefd=False) as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        os.rename("plain.stc", "\u540d.stc")
        assert main(["info", "\u540d.stc"]) == 0
    assert capfdbinary.readouterr().out.startswith(rb"\u540d.stc")
