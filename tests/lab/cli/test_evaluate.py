"""`stc evaluate`, whole, on four pictures and a judge that only looks at colours."""

import csv

import pytest

from stc.cli.main import main
from stc.lab.cli.evaluate import RIVALS, command_line
from stc.lab.evaluation.rivals import NAMES
from tests.lab.evaluation.conftest import colours, data, four_faces  # noqa: F401 - fixtures


def arguments(folder, *more):
    words = f"--images {folder}/faces.tar --pairs {folder}/toy_pairs.txt --judge x -o {folder}/out"
    return ["evaluate", *words.split(), "--workers", "1", *map(str, more)]


def test_one_command_writes_it_all(data, colours, capsys):  # noqa: F811
    more = [
        "--bytes",
        "192,96",
        "--rivals",
        "webp48",
        "--show-faces",
        "--docs",
        data / "d" / "r.md",
    ]
    more += ["--groups", data / "people.tsv", "--group-images", data / "faces.tar"]
    assert main(arguments(data, *more)) == 0
    assert capsys.readouterr().out.strip() == str(data / "out" / "report.md")
    with (data / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["codec"] for row in rows} == {"originals", "stc", "stc bare", "webp48"}
    assert {row["bytes_limit"] for row in rows} == {"", "96", "192"}
    page = (data / "out" / "report.md").read_text()
    for title in ("# Accuracy", "## toy, 4 pairs", "## Failures", "## Groups of people"):
        assert title in page
    assert "Judges: colours (looks at colours alone)." in page
    for title in ("### Rivals, by colours", "in the group index", "Drift of attributes"):
        assert title in page
    for name in ("rate_accuracy.png", "roc.png", "faces.png"):
        assert (data / "out" / name).stat().st_size > 1000
    docs = sorted(path.name for path in (data / "d").iterdir())
    assert docs == ["r.md", "r_rate_accuracy.png", "r_roc.png"]  # and no faces


def test_efforts_are_rows_beside_each_other(data, colours):  # noqa: F811
    assert main(arguments(data, "--bytes", "48,64", "--effort", "1,0,1")) == 0
    with (data / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    made = {(row["codec"], row["bytes_limit"]) for row in rows}
    efforts = {(name, size) for name in ("stc", "stc effort 0") for size in ("48", "64")}
    assert made == efforts | {("originals", "")}
    figures = {
        row["codec"]: [value for key, value in row.items() if key not in ("codec", "seconds")]
        for row in rows
        if row["bytes_limit"] == "64"
    }
    assert figures["stc"] != figures["stc effort 0"]  # other tokens


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--rivals", "gif"], 1, "no rival 'gif'"),
        (["--lpips", "missing"], 1, "missing: no such file"),
        (["--groups", "setup.py"], 1, "--groups and --group-images go together"),
        (["--judge", "y=missing.onnx"], 6, "there is no file missing.onnx"),
    ],
)
def test_errors_are_one_line(data, more, code, message, capsys):  # noqa: F811
    words = [w.replace("x", "dlib") if w == "x" else w for w in arguments(data, *more)]
    assert main(words) == code
    said = capsys.readouterr().err
    assert said.startswith("stc: error: ")
    assert message in said


def test_the_report_shows_no_folders():
    words = ["evaluate", "--images", "/a/b.tar", "--judge", "r=/c/d.onnx", "--bytes", "3,4"]
    shown = command_line([*words, "--trained", "own=/e/f,/g/h"])
    assert shown == "stc evaluate --images b.tar --judge r=d.onnx --bytes 3,4 --trained own=f,h"


def test_rivals_are_those_that_there_are():
    assert RIVALS == NAMES
