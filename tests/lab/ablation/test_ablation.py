"""The ablation's command, whole, on toy rows and a judge that only looks at colours."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from stc.errors import StcError
from stc.lab.ablation import command, figures, run
from stc.lab.ablation.report import BEGIN, END, report
from stc.lab.ablation.rows import Row, rows
from tests.lab.tiny import patches
from tests.stand_ins import Colours


@pytest.fixture
def data(faces, tmp_path):
    """Eight pictures as a tar file, and a list of pairs."""
    lines = ["2\t1"]
    with tarfile.open(tmp_path / "faces.tar", "w") as tar:
        for i, pixels in enumerate(faces[:8]):
            buffer = io.BytesIO()
            Image.fromarray(pixels[..., :3]).save(buffer, "PNG")
            member = tarfile.TarInfo(f"P{i}_0001.png")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    lines += ["P0\t1\t1", "P1\t1\tP2\t1", "P3\t1\t1", "P4\t1\tP5\t1"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def toy(monkeypatch):
    """Three rows, two of them of one configuration."""
    alone = patches(arrangement={"kind": "global", "codewords": 8}, routing="exhaustive")
    again = patches(arrangement={"kind": "global", "codewords": 8}, routing="exhaustive", seed=1)
    found = [
        Row("64", "global", 0, alone),
        Row("64", "both-2-learned", 0, patches()),
        Row("64", "global", 1, again),
    ]
    monkeypatch.setattr(command, "rows", lambda scale, names: found)
    for module in (command, figures):
        monkeypatch.setattr(module, "Dlib", Colours)


def test_it_trains_measures_and_writes_the_page(data, array, toy, monkeypatch):
    words = f"--data {array} --run {data}/run --faces {data}/faces.tar --pairs {data}/pairs.txt"
    arguments = [*words.split(), "-o", str(data / "page.md")]
    command.main(arguments)
    page = (data / "page.md").read_text()
    assert page.count("| global |") == 4
    assert page.count("| both-2-learned |") == 2
    assert (data / "page.png").stat().st_size > 1000
    row = json.loads((data / "run/results/64-both-2-learned-0.json").read_text())
    assert row["bits"] == 16 * 3 + 1
    assert row["pairs"] == 4
    assert {"psnr", "colours both", "colours one +-", "error_held_out", "learned_ms"} <= row.keys()
    assert 0 < row["codewords_used"] <= 1
    assert 1 <= row["groups_used"] <= 2
    # Again: nothing is trained, and the prose around the tables stays.
    monkeypatch.setattr(run, "run_base", lambda *_: None)
    monkeypatch.setattr(run, "train", lambda *_, **__: None)
    (data / "page.md").write_text(page + "What it means.\n")
    command.main(arguments)
    assert (data / "page.md").read_text() == page + "What it means.\n"


def test_differences_are_between_the_same_faces(tmp_path):
    np.save(tmp_path / "64-global-0.npy", np.array([0.5, 0.6, 0.7]))
    np.save(tmp_path / "64-other-0.npy", np.array([0.6, 0.7, 0.8]))
    common = {"size": "64", "seed": 0, "bits": 512, "psnr": 20, "groups": 1, "pairs": 3}
    common |= {"d both": 0.9, "d both +-": 0.1, "d one": 0.9, "d one +-": 0.1, "d cosine": 0.9}
    common |= {
        "cosine +-": 0.01,
        "error_training": 0.1,
        "error_held_out": 0.2,
        "steps": {"shared": 1},
    }
    common |= {"codewords_used": 0.5, "groups_used": 1.0, "exhaustive_ms": 1}
    for name in ("global", "other"):
        (tmp_path / f"64-{name}-0.json").write_text(json.dumps({**common, "name": name}))
    (tmp_path / "originals.json").write_text("{}")
    report(tmp_path, tmp_path / "page.md")
    assert "| +0.1000 ± 0.0000 |" in (tmp_path / "page.md").read_text()
    (tmp_path / "page.md").write_text(f"{END} {BEGIN}")
    with pytest.raises(StcError, match="lacks the marks"):
        report(tmp_path, tmp_path / "page.md")
    with pytest.raises(StcError, match="no finished rows"):
        report(tmp_path / "nothing", tmp_path / "page.md")


def test_the_rows_and_their_seeds():
    found = rows(0.5)
    keys = [row.key for row in found]
    assert len(set(keys)) == len(keys) == 2 * (12 + 2 * 2)
    assert [key for key in keys if "global" in key][:3] == [
        "64-global-0",
        "64-global-1",
        "64-global-2",
    ]
    assert found[0].config.decoder.steps == 25
    assert {row.config.seed for row in found} == {0, 1, 2}
    assert [row.key for row in rows(1, ["64-specific"])] == ["64-specific-0"]
    with pytest.raises(StcError, match="no row of the ablation is called 65-global"):
        rows(1, ["65-global"])
