"""`stc compare`."""

import json
import sys

import pytest
from PIL import Image

import stc
from stc.carriers import qr
from stc.cli.main import main
from stc.codec.cache import load_codec

ASTRONAUT = "tests/assets/astronaut.png"


def test_figures_and_picture(path, tmp_path, capsys):
    out = tmp_path / "pair.png"
    assert main(["compare", ASTRONAUT, str(path), "-o", str(out), "--size", "100"]) == 0
    first, second, figures = capsys.readouterr().out.splitlines()
    assert first == f"{ASTRONAUT}: 181245 bytes"
    assert second == f"{path}: {path.stat().st_size} bytes"
    for word in ("PSNR", "SSIM", "identity"):
        assert word in figures
    with Image.open(out) as picture:
        assert picture.width == 2 * 100 + 3 * 8
        assert "Reconstructed" in picture.text["Description"]
        assert picture.getpixel((116 + 50, 50)) != (255, 255, 255)


def test_figures_are_those_of_encode(path, capsys):
    assert main(["encode", ASTRONAUT, "-v", "-f", "-o", str(path), "--effort", "0"]) == 0
    printed, measured = capsys.readouterr().out.splitlines()
    assert main(["compare", ASTRONAUT, str(path)]) == 0
    assert measured == f"{path}: decoded, {capsys.readouterr().out.splitlines()[-1]}"
    assert main(["compare", "--json", ASTRONAUT, str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["b"] == {"file": str(path), "bytes": path.stat().st_size}
    # encode measures the quality of the tokens, compare that of the decoded picture.
    quality = float(printed.split("quality ")[1].split()[0])
    assert found["identity"] == pytest.approx(quality, abs=0.02)
    assert 0.4 < found["ssim"] < 1


def test_a_file_and_itself(path, face_file, tmp_path, capsys):
    assert main(["compare", "--json", str(path), str(path)]) == 0
    same = json.loads(capsys.readouterr().out)
    assert same["psnr"] is None
    assert same["ssim"] == pytest.approx(1)
    assert same["identity"] == pytest.approx(1)
    picture = tmp_path / "face.png"
    stc.decode(face_file, size=128).save(picture)
    words = ["compare", "--align", "never", str(path), str(picture), "-o", str(tmp_path / "p.jpg")]
    assert main(words) == 0
    assert "PSNR inf dB" in capsys.readouterr().out


def test_two_pictures_are_not_called_reconstructed(tmp_path):
    out = tmp_path / "pair.png"
    assert main(["compare", ASTRONAUT, ASTRONAUT, "-o", str(out), "-q"]) == 0
    with Image.open(out) as picture:
        assert picture.text == {}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["GREEN", "FACE"], 3, "no face found"),
        (["FACE", "missing.png"], 11, "missing.png: No such file"),
        (["FACE", "pyproject.toml"], 7, "not a picture"),
        (["FACE", "FACE", "-o", "x.xyz"], 2, "no picture format"),
        (["FACE", ASTRONAUT, "-o", ASTRONAUT], 2, "both input and output"),
    ],
)
def test_errors(words, code, message, path, tmp_path, capsys):
    green = tmp_path / "green.png"
    Image.new("RGB", (200, 200), "green").save(green)
    names = {"FACE": str(path), "GREEN": str(green)}
    assert main(["compare", *[names.get(word, word) for word in words]]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["-", "-"], ["-", "x", "--json", "-o", "-"]])
def test_wrong_commands(words, capsys):
    with pytest.raises(SystemExit):
        main(["compare", *words])
    assert "std" in capsys.readouterr().err


def test_a_picture_of_a_code_is_the_face_in_it(path, face_file, tmp_path, capsys):
    code = tmp_path / "code.png"
    code.write_bytes(qr.make(face_file).draw())
    assert main(["compare", "--json", str(path), str(code)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["b"] == {"file": str(code), "bytes": len(face_file)}
    assert found["psnr"] is None


def test_an_existing_picture_is_kept(path, tmp_path, capsys):
    out = tmp_path / "pair.png"
    out.write_bytes(b"precious")
    assert main(["compare", str(path), str(path), "-o", str(out)]) == 10
    assert "give --force" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert main(["compare", str(path), str(path), "-o", str(out), "-f", "-q"]) == 0
    assert out.read_bytes() != b"precious"


def test_a_picture_that_is_longer_than_what_is_read_is_too_long_not_broken(
    tmp_path, capsys, monkeypatch
):
    for module in ("files", "compare"):
        monkeypatch.setattr(f"stc.cli.{module}.MAX_PICTURE", 5000)
    assert main(["compare", ASTRONAUT, ASTRONAUT]) == 7
    assert "more than 5000 bytes" in capsys.readouterr().err


def test_without_the_reader_of_codes_the_error_names_it(face_file, tmp_path, capsys, monkeypatch):
    code = tmp_path / "code.png"
    code.write_bytes(qr.make(face_file).draw())
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    assert main(["compare", ASTRONAUT, str(code)]) == 3
    error = capsys.readouterr().err
    assert "no face found" in error
    assert "zxingcpp is missing: pip install 'stc-face-codec[qr]'" in error


def test_the_device_reaches_every_step(path, tmp_path, monkeypatch):
    seen = []

    def load(model=None, *, device="cpu"):
        seen.append(device)
        return load_codec(model)

    monkeypatch.setattr("stc.codec.cache.load_codec", load)
    monkeypatch.setattr("stc.api.codec_of", lambda data, model, bare, device: load(device=device))
    assert main(["compare", "-q", str(path), str(path), "--device", "some"]) == 0
    words = ["decode", "-q", str(path), "-o", str(tmp_path / "x.png"), "--device", "some"]
    assert main(words) == 0
    assert seen == ["some"] * 4
