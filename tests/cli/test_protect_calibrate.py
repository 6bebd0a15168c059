"""`stc protect calibrate`, `threshold` and --fmr; a picture's name determines its template."""

import json
from pathlib import Path

import numpy as np
import pytest

from stc.cli.main import main
from stc.cli.protect import calibrate
from stc.cli.protect.calibrate import person_of
from stc.errors import NoFaceError
from stc.protection import GroupedTemplate

FACE = "tests/assets/astronaut.png"


pytestmark = pytest.mark.usefixtures("thumbnails")


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Forty people with one picture each, and anna with two; the pictures are not decoded."""
    folder = tmp_path / "faces"
    (folder / "anna" / "more").mkdir(parents=True)
    for name in ("anna/1.jpg", "anna/more/2.jpg", ".hidden.jpg", "nobody.jpg"):
        (folder / name).touch()
    for number in range(40):
        (folder / f"guest {number:02}-x.jpg").touch()

    def template_of(name, extractor, options):
        if "nobody" in name:
            raise NoFaceError("no face was found")
        seed = 1000 if "anna" in name else int(Path(name).stem[6:8])
        features = np.random.default_rng(seed).standard_normal((12, 16))
        features += 0.2 * np.random.default_rng(len(name)).standard_normal((12, 16))
        return GroupedTemplate(features, np.full(12, 1 / 12), extractor.maker)

    monkeypatch.setattr(calibrate, "template_of", template_of)
    return folder


@pytest.fixture
def scores(faces, tmp_path):
    target = tmp_path / "scores.json"
    assert main(["protect", "-q", "calibrate", str(faces), "-o", str(target)]) == 0
    return str(target)


@pytest.mark.parametrize(
    ("stem", "person"),
    [
        ("anna_1", "anna"),
        ("anna-lena-02", "anna-lena"),
        ("Aaron_Eckhart_0001", "Aaron_Eckhart"),
        ("anna 3", "anna"),
        ("anna3", "anna3"),
        ("0001", "0001"),
        ("_1", "_1"),
        ("anna", "anna"),
        ("a--1", "a"),
    ],
)
def test_names_say_who(stem, person):
    assert person_of(stem) == person


def test_a_folder_is_calibrated_with(faces, tmp_path, capsys, caplog):
    target = tmp_path / "scores.json"
    words = ["calibrate", str(faces), "-o", str(target), "--head", "plain", "--bits", "5"]
    assert main(["protect", *words]) == 0
    captured = capsys.readouterr()
    assert "42 pictures of 41 people, 820 impostor pairs, 1 mated pairs" in captured.out
    assert "supports false match rates of 0.0036 and above" in captured.out
    alike = [line.split("\t") for line in captured.out.splitlines()[2:]]
    assert [len(words) for words in alike] == [3, 3, 3]
    assert all(Path(name).exists() for words in alike for name in words[1:])
    assert "nobody.jpg is left out: no face was found" in captured.err + caplog.text
    about = json.loads(target.read_text())
    assert (about["people"], about["pictures"], about["bits"]) == (41, 42, 5)
    assert sum(about["impostor"]["counts"]) == 820
    assert "anna" not in target.read_text()
    assert main(["protect", *words]) == 10
    assert "exists: give --force" in capsys.readouterr().err


def test_what_is_no_folder_of_people(faces, tmp_path, capsys):
    assert main(["protect", "calibrate", FACE, "-o", str(tmp_path / "s")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    words = ["calibrate", str(faces / "anna"), "-o", str(tmp_path / "s")]
    (faces / "anna" / "1.jpg").unlink()
    assert main(["protect", *words]) == 1
    assert "needs faces of two or more people" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_threshold_is_chosen(scores, capsys):
    assert main(["protect", "threshold", scores, "--fmr", "1e-2"]) == 0
    line = capsys.readouterr().out
    assert "of 820 impostor pairs of 41 people are above it" in line
    assert "95 % interval of the false match rate" in line
    assert line.rstrip().endswith("of 1 mated pairs are not above it")
    assert main(["protect", "-q", "threshold", scores, "--fmr", "1e-2"]) == 0
    assert line.startswith(f"threshold {capsys.readouterr().out.strip()}:")


def test_a_rate_that_is_refused(scores, capsys):
    assert main(["protect", "threshold", scores, "--fmr", "1e-4"]) == 2
    error = capsys.readouterr().err
    assert "needs 29956 impostor pairs, as of 246 people" in error
    assert "has 820, of 41 people, and supports 0.0036 and above" in error


@pytest.fixture
def record(tmp_path):
    key, target = str(tmp_path / "k"), str(tmp_path / "a.stp")
    assert main(["protect", "-q", "keygen", "-o", key]) == 0
    words = ["enroll", FACE, "-o", target, "--key", key, "--id", "eileen"]
    assert main(["protect", "-q", *words, "--head", "plain"]) == 0
    return [target, "--key", key, "--head", "plain"]


def calibrated(faces, *more):
    target = str(faces.parent / f"{len(more)}.json")
    assert main(["protect", "-q", "calibrate", str(faces), "-o", target, *more]) == 0
    return target


def test_match_by_a_rate(faces, record, capsys):
    found = calibrated(faces, "--head", "plain")
    words = ["match", FACE, *record, "--fmr", "0.01", "--scores", found]
    assert main(["protect", *words]) == 0
    captured = capsys.readouterr()
    assert captured.out.split()[1] == "eileen"
    assert captured.err.startswith("threshold ")
    assert main(["protect", "-q", *words]) == 0
    assert capsys.readouterr().err == ""
    assert main(["protect", *words[:-3], "1e-5", *words[-2:]]) == 2


def test_scores_of_another_kind_are_no_threshold(faces, record, capsys):
    """Records of another recogniser, head or number of bits are an error before any decision."""
    for more in (["--head", "spread"], ["--head", "plain", "--bits", "5"]):
        found = calibrated(faces, *more)
        words = ["match", FACE, *record, "--fmr", "0.01", "--scores", found]
        assert main(["protect", *words]) == 8
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "not those of the calibration" in captured.err


def test_renewal_by_a_rate(faces, record, tmp_path, capsys):
    found = calibrated(faces, "--head", "plain", "--drop", "0.25")
    output, revoked = str(tmp_path / "b.stp"), str(tmp_path / "revoked")
    words = ["renew", FACE, *record, "--revoked", revoked, "-o", output]
    assert main(["protect", *words, "--fmr", "0.01", "--scores", found]) == 8
    assert "not those of the calibration" in capsys.readouterr().err
    assert not Path(output).exists()
    found = calibrated(faces, "--head", "plain")
    assert main(["protect", *words, "--fmr", "0.01", "--scores", found]) == 0
    assert Path(output).exists()


@pytest.mark.parametrize(
    "more", [["--fmr", "0.01"], ["--scores", "x"], ["--threshold", "0.5", "--scores", "x"]]
)
def test_a_rate_and_scores_go_together(more, record, capsys):
    assert main(["protect", "match", FACE, *record, *more]) == 2
    assert "--fmr needs --scores" in capsys.readouterr().err


def test_scores_that_are_none(record, tmp_path, capsys):
    words = ["match", FACE, *record, "--fmr", "0.01", "--scores"]
    assert main(["protect", *words, FACE]) == 4
    assert "not a file of calibration scores" in capsys.readouterr().err
    with (tmp_path / "long").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    assert main(["protect", *words, str(tmp_path / "long")]) == 4


def test_scores_are_not_written_over_a_picture(faces, capsys):
    target = faces / "anna" / "1.jpg"
    assert main(["protect", "calibrate", str(faces), "-o", str(target), "--force"]) == 2
    assert "is both input and output" in capsys.readouterr().err
    assert target.read_bytes() == b""
