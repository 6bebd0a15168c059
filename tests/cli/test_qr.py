"""QR codes, tags, marks and --min-quality on the command line."""

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stc
import stc.cli.compare  # before a test changes the limit that it imports
from stc.carriers import qr
from stc.cli.main import main

ASTRONAUT = "tests/assets/astronaut.png"


def run(*words, code=0):
    assert main([str(word) for word in words]) == code


def test_there_and_back(path, tmp_path, capsys):
    run("qr", path, "-o", tmp_path / "code.png", "--ecc", "M")
    printed = capsys.readouterr().out
    assert printed.startswith(f"{tmp_path / 'code.png'}: QR code 10-M, 57x57 modules, raw, ")
    run("decode", tmp_path / "code.png", "-o", tmp_path / "face.png", "--size", 64)
    with Image.open(tmp_path / "face.png") as picture:
        assert picture.tobytes() == stc.decode(path.read_bytes(), size=64).tobytes()
        assert f"from {path.stat().st_size} bytes" in picture.text["Description"]


def test_a_photograph_of_a_code_on_stdin(path, tmp_path, monkeypatch, capsysbinary):
    code = Image.open(io.BytesIO(qr.make(path.read_bytes(), text=True).draw())).convert("L")
    code.rotate(20, expand=True, fillcolor=200).save(tmp_path / "photo.jpg")
    stdin = io.TextIOWrapper(io.BytesIO((tmp_path / "photo.jpg").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    run("decode", "-", "-o", "-")
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as picture:
        assert picture.tobytes() == stc.decode(path.read_bytes()).tobytes()


def test_encode_to_a_code_of_a_version(tmp_path, capsys):
    code = tmp_path / "out.png"
    run("encode", ASTRONAUT, "--qr", code, "--ecc", "M", "--qr-version", 10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{code}: QR code 10-M, 57x57 modules, raw"
    data = qr.read(code)
    assert 200 < len(data) <= qr.capacity(10, "M")
    assert list(tmp_path.iterdir()) == [code]
    both = ["-o", tmp_path / "f.stc", "--qr", tmp_path / "t.svg"]
    run("encode", ASTRONAUT, *both, "--qr-version", 6, "--text", "--max-bytes", 90)
    assert "QR code 6-M, 41x41 modules, Base45" in capsys.readouterr().out
    assert (tmp_path / "f.stc").stat().st_size <= 90
    assert (tmp_path / "t.svg").read_text().startswith("<?xml")


def test_many_codes(tmp_path):
    run("encode", ASTRONAUT, ASTRONAUT, "--qr", f"{tmp_path}/", code=2)  # both have one name
    (tmp_path / "b.png").write_bytes(Path(ASTRONAUT).read_bytes())
    codes, files = tmp_path / "codes", tmp_path / "files"
    run("encode", ASTRONAUT, tmp_path / "b.png", "--qr", f"{codes}/", "-o", f"{files}/", "-q")
    for name in ("astronaut", "b"):
        assert qr.read(codes / f"{name}.png") == (files / f"{name}.stc").read_bytes()


def test_a_version_too_small_names_one_that_would_do(tmp_path, capsys):
    run("encode", ASTRONAUT, "--qr", tmp_path / "x.png", "--qr-version", 1, "--ecc", "H", code=5)
    printed = capsys.readouterr().err
    told = r"1-H holds 7 bytes, the smallest file of this face has \d\d?: use version 2"
    assert re.search(told, printed)
    words = ["--qr-version", 3, "--max-bytes", 3]
    run("encode", ASTRONAUT, "--qr", tmp_path / "x.png", *words, code=5)
    assert "max_bytes is 3, but" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("tag", "most"), [("ntag213", 114), ("ntag215", 461), ("ntag216", 837)])
def test_tags_limit_the_file(tag, most, tmp_path):
    run("encode", ASTRONAUT, "-o", tmp_path / "x.stc", "--tag", tag, "-q")
    size = (tmp_path / "x.stc").stat().st_size
    assert size <= most
    assert size > min(most, 380) - 4


def test_bare_codes(path, tmp_path):
    words = ["--bare", "--max-bytes", 100]
    run("encode", ASTRONAUT, "-o", tmp_path / "b.stc", "--qr", tmp_path / "b.png", *words)
    run("decode", tmp_path / "b.png", "-o", tmp_path / "face.png", "--bare")
    run("qr", tmp_path / "b.stc", "-o", tmp_path / "c.png", "--bare")
    assert qr.read(tmp_path / "c.png", bare=True) == (tmp_path / "b.stc").read_bytes()
    run("decode", tmp_path / "b.png", "-o", tmp_path / "no.png", code=4)


def test_quality(tmp_path, capsys):
    out = tmp_path / "face.stc"
    run("encode", ASTRONAUT, "-o", out)
    printed = capsys.readouterr().out
    quality = float(printed.split("quality ")[1].split()[0])
    assert 0.9 < quality < 1
    out.unlink()
    words = ["-o", out, "--qr", tmp_path / "code.png", "--min-quality"]
    run("encode", ASTRONAUT, *words, quality + 0.001, code=9)
    assert "is below" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    run("encode", ASTRONAUT, *words, quality - 0.001)
    assert len(list(tmp_path.iterdir())) == 2


def test_marks(path, tmp_path):
    plain, marked = tmp_path / "plain.jpg", tmp_path / "marked.webp"
    run("decode", path, "-o", plain, "--size", "128")
    run("decode", path, "-o", marked, "--size", "128", "--mark")
    with Image.open(plain) as picture:
        assert picture.getexif()[0x010E].startswith("Reconstructed by STC")
        below = np.asarray(picture.convert("L"), int)[120:]
    with Image.open(marked) as picture:
        assert picture.getexif()[0x010E].startswith("Reconstructed by STC")
        assert max(picture.getpixel((0, 127))) < 20
        written = np.asarray(picture.convert("L"), int)[120:]
    assert np.abs(below - written).mean() > 20


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["qr", ASTRONAUT, "-o", "x.png"], 4, "no QR code can be read"),
        (["qr", "FACE", "-o", "x.jpg"], 2, "end with .png, .svg"),
        (["qr", "FACE", "-o", "x.png", "--qr-version", "5"], 5, "use version 10"),
        (["decode", "CODES", "-o", "x.png"], 4, "2 QR codes in the picture"),
        (["encode", ASTRONAUT, "--qr", ASTRONAUT], 2, "both input and output"),
        (["encode", ASTRONAUT, "-o", "x.png", "--qr", "./x.png"], 2, "both the file and its QR"),
        (["encode", ASTRONAUT, "--qr", "x.gif"], 2, "end with .png"),
    ],
)
def test_errors(words, code, message, path, tmp_path, capsys):
    other = stc.encode(ASTRONAUT, max_bytes=64)
    sheet = Image.new("L", (1000, 600), 255)
    for left, data in ((0, path.read_bytes()), (540, other)):
        sheet.paste(Image.open(io.BytesIO(qr.make(data).draw())), (left, 0))
    sheet.save(tmp_path / "codes.png")
    names = {"FACE": path, "CODES": tmp_path / "codes.png"}
    run(*[names.get(word, word) for word in words], code=code)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", ASTRONAUT, "-o", "-", "--qr", "-"], "both write to stdout"),
        (["encode", ASTRONAUT, "-o", "x", "--stages", "1", "--tag", "ntag213"], "not allowed"),
        (["encode", ASTRONAUT, "-o", "x", "--stages", "1", "--max-bytes", "9"], "not allowed"),
        (["encode", ASTRONAUT, "-o", "x", "--tag", "ntag424"], "invalid choice"),
        (["encode", ASTRONAUT, "-o", "x", "--min-quality", "1.1"], "from 0 to 1"),
        (["encode", ASTRONAUT, "--qr", "x.png", "--qr-version", "41"], "from 1 to 40"),
        (["encode", ASTRONAUT, "-o", "x", "--qr-version", "3"], "needs --qr CODE too"),
        (["encode", ASTRONAUT, "-o", "x", "--text"], "needs --qr CODE too"),
        (["encode", ASTRONAUT, "-o", "x", "--ecc", "H"], "needs --qr CODE too"),
        (["qr", "x", "-o", "y.png", "--scale", "0"], "from 1 to 64"),
        (["serve", "--port", "99999"], "from 0 to 65535"),
    ],
)
def test_wrong_commands(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_picture_that_is_too_long_is_not_decoded(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("stc.cli.files.MAX_PICTURE", 5000)
    for words in (
        ["decode", ASTRONAUT, "-o", tmp_path / "x.png"],
        ["encode", ASTRONAUT, "-o", tmp_path / "x.stc"],
        ["compare", ASTRONAUT, ASTRONAUT],
    ):
        run(*words, code=7)
        assert "more than 5000 bytes" in capsys.readouterr().err


def test_a_missing_library_names_the_extra(path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "segno", None)
    run("qr", path, "-o", "x.png", code=12)
    assert "segno is missing: pip install 'stc-face-codec[qr]'" in capsys.readouterr().err


def test_an_existing_code_is_noticed_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("stc.api.encode_pictures", None)  # fails if anything is encoded
    face, code = tmp_path / "face.stc", tmp_path / "code.png"
    code.write_bytes(b"precious")
    run("encode", ASTRONAUT, "-o", face, "--qr", code, code=10)
    assert f"{code} exists: give --force" in capsys.readouterr().err
    run("encode", ASTRONAUT, "-o", face, "--qr", tmp_path / "none" / "code.png", code=11)
    assert "there is no folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [code]
    assert code.read_bytes() == b"precious"


def test_bare_files_and_codes_of_them_in_info_and_compare(path, tmp_path, capsys):
    bare, code = tmp_path / "b.stc", tmp_path / "b.png"
    words = ["--bare", "--max-bytes", path.stat().st_size]
    run("encode", ASTRONAUT, "-o", bare, "--qr", code, *words, "-q")
    run("info", "--json", "--bare", bare, code)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    size = bare.stat().st_size
    assert (first["size"], first["model"], first["overhead"]) == (size, "stc-open-1", 2)
    assert {**first, "file": str(code)} == second
    assert first["tokens"] > 128  # two bytes of count, the first not ASCII
    run("info", "--bare", bare)
    assert "2 of them the token count" in capsys.readouterr().out
    run("info", bare, code=4)
    for name in (bare, code):
        run("compare", "--json", "--bare", ASTRONAUT, name)
        found = json.loads(capsys.readouterr().out)
        assert found["b"]["bytes"] == size
        assert found["identity"] > 0.9
    run("compare", "--json", "--bare", path, bare)  # --bare does not apply to a file with a header
    assert json.loads(capsys.readouterr().out)["identity"] > 0.9
    run("compare", ASTRONAUT, bare, code=7)
