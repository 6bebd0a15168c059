"""The measuring command, whole, on a few pictures and a judge that only looks at colours."""

import csv
import io
import sys
import tarfile

import pytest
from PIL import Image

from stc.evaluation import __main__ as command
from stc.imaging import frame
from tests.stand_ins import Colours


@pytest.fixture
def data(tmp_path):
    """Four pictures of two people, as a tar file and a list of pairs."""
    canvas = frame("tests/assets/astronaut.png")
    pictures = {
        "A_0001": canvas,
        "A_0002": canvas[:, ::-1],
        "B_0001": 255 - canvas,
        "B_0002": 255 - canvas[:, ::-1],
    }
    with tarfile.open(tmp_path / "faces.tar", "w") as tar:
        for name, pixels in pictures.items():
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            member = tarfile.TarInfo(f"{name}.png")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    lines = ["2\t1", "A\t1\t2", "A\t1\tB\t1", "B\t1\t2", "A\t2\tB\t2"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    return tmp_path


def test_it_measures_what_it_is_given(data, monkeypatch, capsys):
    monkeypatch.setattr(command, "Dlib", Colours)
    arguments = f"--faces {data}/faces.tar --pairs {data}/pairs.txt --judge dlib --bytes 48,384"
    monkeypatch.setattr(sys, "argv", ["x", *arguments.split(), "-o", str(data / "out.csv")])
    command.main()
    with (data / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["bytes limit"] for row in rows] == ["0", "48", "384"]
    assert {row["pairs"] for row in rows} == {"4"}
    assert [float(row["colours both"]) for row in rows] == [1.0, 1.0, 1.0]
    assert float(rows[0]["colours cosine"]) == pytest.approx(1)
    assert 46 < float(rows[1]["bytes mean"]) <= 48
    assert float(rows[1]["psnr"]) < float(rows[2]["psnr"])
    table = capsys.readouterr().out
    assert "| originals |" in table
    assert "100.0% ± 0.0%" in table


def test_missing_faces_are_named(data):
    with pytest.raises(SystemExit, match=r"lacks 1 faces of the pairs, C_0001 first"):
        command.read_faces(data / "faces.tar", ["A_0001", "C_0001"])
