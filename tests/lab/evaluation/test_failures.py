"""Causes are found by their rules, and the self-check is judged by what it knows."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from stc.imaging import frame
from stc.lab.evaluation import failures


@pytest.fixture(scope="module")
def face():
    return frame("tests/assets/astronaut.png")


def test_each_cause_is_seen(face):
    blurred = np.asarray(Image.fromarray(face).filter(ImageFilter.GaussianBlur(2)))
    moved = np.roll(face, 12, 1)
    nothing = np.full_like(face, 128)
    found = [failures._signs(picture) for picture in (face, blurred, moved, nothing)]
    counts = [
        dict(zip(failures.CAUSES, failures._causes([x], found[:1]), strict=False)) for x in found
    ]
    assert set(counts[0].values()) == {0}
    assert counts[1]["blur"] == 1
    assert counts[2]["misalignment"] == 1
    assert counts[3]["occlusion"] == 1
    assert failures._causes(found[:1], found[:1])[-1] == 1  # none of these


def test_examine_takes_the_worst_and_judges_the_self_check(face):
    faces = np.stack([face, np.full_like(face, 128), *[face] * 4])
    cosine = np.array([0.9, 0.2, 0.9, 0.91, 0.92, 0.93])
    predictors = {"knows": cosine, "errs": -cosine}
    found = failures.examine(faces, cosine, predictors)
    assert (found.worst, found.others) == (1, 5)
    assert found.counts["occlusion"] == (1, 0)
    assert found.check["knows"][0] == 1
    assert found.check["errs"][0] == 0
    text = failures.section(found, "dlib", 192)
    assert "## Failures at 192 bytes" in text
    assert "| knows | 1.000 | 1.000 to 1.000 |" in text
    assert "| 96 | 0.201 | 0.205 | 0.250 |" in failures.qualities({96: np.linspace(0.2, 0.3, 101)})
