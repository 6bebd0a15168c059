"""`stc protect fit` and `stc protect attack`, which the laboratory plugs into `stc protect`."""

import sys

import numpy as np
import pytest
from PIL import Image

from stc.cli.main import main
from stc.imaging import frame
from tests.lab.attacks.small import make_small
from tests.recognition.stand_ins import Thumbnails

FACE = "tests/assets/astronaut.png"


@pytest.fixture(autouse=True)
def thumbnails(monkeypatch):
    monkeypatch.setattr("stc.protection.extractors.open_recogniser", lambda text: Thumbnails())
    monkeypatch.setattr("stc.recognition.opening.open_recogniser", lambda text: Thumbnails())


def write_faces(folder, count):
    """Faces that are noise on one face, so that a recogniser has something to tell apart."""
    folder.mkdir()
    canvas, generator = frame(FACE).astype(int), np.random.default_rng(0)
    for person in range(count):
        own = generator.integers(-60, 60, (8, 8, 3)).repeat(16, 0).repeat(16, 1)
        for picture in (1, 2):
            noise = generator.integers(-20, 20, (8, 8, 3)).repeat(16, 0).repeat(16, 1)
            face = (canvas + own + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(face).save(folder / f"P{person}_{picture:04d}.png")


def test_fit_and_attack(tmp_path, capsys, monkeypatch):
    make_small(monkeypatch)
    write_faces(tmp_path / "others", 40)
    write_faces(tmp_path / "faces", 8)
    head = str(tmp_path / "h.safetensors")
    words = ["--faces", str(tmp_path / "others"), "--steps", "3", "-o", head]
    assert main(["protect", "fit", *words]) == 0
    assert "correlation" in capsys.readouterr().out
    assert main(["protect", "fit", *words]) == 10
    assert f"{head} exists: give --force" in capsys.readouterr().err
    lines = ["2\t4"]
    for fold in (0, 4):
        lines += [f"P{i}\t1\t2" for i in range(fold, fold + 4)]
        lines += [f"P{i}\t1\tP{(i + 3) % 8}\t2" for i in range(fold, fold + 4)]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    docs = tmp_path / "page.md"
    docs.write_text(
        "before\n<!-- results: stc protect attack -->\n"
        "of another run\n<!-- end of results -->\nafter\n"
    )
    words = ["--images", tmp_path / "faces", "--pairs", tmp_path / "pairs.txt"]
    words += ["--faces", tmp_path / "others", "--subject", f"x,{head}", "--subject", "x,plain"]
    words += ["--docs", docs, "-o", tmp_path / "out"]
    assert main(["protect", "attack", *map(str, words)]) == 0
    page = docs.read_text()
    assert page.startswith("before\n")
    assert page.endswith("-->\nafter\n")
    assert "of another run" not in page
    for found in (
        "thumbnails, last map",
        "12 groups of 16",
        "learned mapping",
        "PolyProtect",
        "D_sys",
    ):
        assert found in page


def words_of(verb, here):
    return {
        "fit": ["--faces", here, "-o", f"{here}/h"],
        "attack": [
            "--images",
            here,
            "--pairs",
            here,
            "--faces",
            here,
            "--subject",
            "x",
            "-o",
            here,
        ],
    }[verb]


@pytest.mark.parametrize("verb", ["fit", "attack"])
def test_a_fault_of_our_own_is_no_missing_package(tmp_path, monkeypatch, verb):
    monkeypatch.setitem(sys.modules, "stc.lab.attacks.subject", None)
    monkeypatch.delitem(sys.modules, "stc.lab.attacks.run", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"stc\.lab\.attacks\.subject"):
        main(["protect", verb, *words_of(verb, str(tmp_path))])


@pytest.mark.parametrize("verb", ["fit", "attack"])
def test_a_missing_package_is_named(tmp_path, capsys, monkeypatch, verb):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("stc.lab.")]:
        if not name.startswith("stc.lab.cli"):
            monkeypatch.delitem(sys.modules, name)
    assert main(["protect", verb, *words_of(verb, str(tmp_path))]) == 12
    hint = "pip install 'stc-face-codec[lab]'"
    assert capsys.readouterr().err == f"stc: error: torch is missing: {hint}\n"
