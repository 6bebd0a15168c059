"""A small evaluation, and a judge that only looks at colours."""

import numpy as np
import pytest

from stc.imaging import frame
from stc.lab.evaluation import measure, run
from tests.lab.evaluation.pictures import write_tar
from tests.stand_ins import Colours


@pytest.fixture
def colours(monkeypatch):
    """Whatever judge is asked for, it is this one; it counts the faces that it saw."""

    class Counting(Colours):
        seen = 0

        def embed(self, faces):
            self.seen += len(faces)
            return super().embed(faces)

    judge = Counting()
    monkeypatch.setattr(measure, "_judge_of", lambda text: judge)
    monkeypatch.setattr(run, "open_judge", lambda text: judge)
    return judge


@pytest.fixture(scope="session")
def four_faces():
    """Four pictures of two people, by name."""
    canvas = frame("tests/assets/astronaut.png")
    return {
        "A_0001": canvas,
        "A_0002": np.ascontiguousarray(canvas[:, ::-1]),
        "B_0001": 255 - canvas,
        "B_0002": np.ascontiguousarray(255 - canvas[:, ::-1]),
    }


@pytest.fixture
def data(tmp_path, four_faces):
    """The four pictures as a tar file, pairs of them, and what is known of the people."""
    write_tar(tmp_path / "faces.tar", four_faces)
    lines = ["2\t1", "A\t1\t2", "A\t1\tB\t1", "B\t1\t2", "A\t2\tB\t2"]
    (tmp_path / "toy_pairs.txt").write_text("\n".join(lines))
    people = ["key\tage\tsex\tgroup", "A_0001\t20\tf\tx", "A_0002\t30\tm\ty"]
    people += ["B_0001\t40\tf\tx", "B_0002\t70\tm\ty"]
    (tmp_path / "people.tsv").write_text("\n".join(people))
    return tmp_path
