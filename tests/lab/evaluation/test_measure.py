"""Everything is measured once, whatever is asked for first, and again only if something changed."""

import numpy as np
import pytest

from stc.imaging.similarity import psnr
from stc.lab.evaluation import measure as module
from stc.lab.evaluation.measure import ORIGINALS, Setup, collect, decoded, files, measure
from stc.lab.evaluation.rivals.webp48 import Webp48
from tests.stand_ins import Colours


@pytest.fixture
def faces(four_faces):
    return np.stack(list(four_faces.values()))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)


def test_all_is_measured_and_nothing_twice(tmp_path, faces, colours):
    setup = Setup(("x",), (48, 192), tmp_path, bare=True)
    measure(setup, faces, ["stc", "webp48"], workers=1)
    assert colours.seen == 4 * (1 + 2 * 2 + 2)
    seen = collect(setup, faces, "stc", "stc bare", 192)
    assert (seen.sizes <= 192).all()
    assert not seen.failed.any()
    coded = files(setup, faces, "stc", 192)
    assert [len(data) for data in coded] == collect(setup, faces, "stc", "stc", 192).sizes.tolist()
    pictures = decoded(setup, faces, "stc", [192])[192]
    # Another size of batch may round a pixel the other way.
    measured = collect(setup, faces, "stc", "stc", 192).psnr
    assert measured == pytest.approx(psnr(faces, pictures), abs=0.01)
    assert seen.embeddings["colours"].shape == (4, 48)
    assert collect(setup, faces, "webp48", "webp48", 48).failed.all()
    plain = collect(setup, faces, ORIGINALS, ORIGINALS, 0)
    assert (plain.embeddings["colours"] == Colours().embed(faces)).all()
    quality = collect(setup, faces, "stc", "stc", 192).quality
    assert quality is not None
    assert (quality > 0.5).all()
    assert collect(setup, faces, "webp48", "webp48", 192).quality is None

    before = colours.seen
    measure(setup, faces, ["stc", "webp48"], workers=1)
    assert colours.seen == before


def test_another_judge_needs_no_new_coding(tmp_path, faces, colours, monkeypatch):
    setup = Setup(("x",), (48,), tmp_path)
    measure(setup, faces, ["webp48"], workers=1)
    colours.key = "colours, second edition"
    monkeypatch.setattr(Webp48, "encode", lambda *_: pytest.fail("coded again"))
    before = colours.seen
    measure(setup, faces, ["webp48"], workers=1)
    assert colours.seen == before + 8


def test_a_run_that_was_broken_off_goes_on(tmp_path, faces, colours, monkeypatch):
    setup = Setup(("x",), (48,), tmp_path)
    real = colours.embed
    monkeypatch.setattr(
        colours, "embed", lambda some: real(some) if colours.seen < 6 else 1 / 0, raising=False
    )
    with pytest.raises(ZeroDivisionError):
        measure(setup, faces, ["webp48"], workers=1)
    assert colours.seen == 7  # two chunks of originals and one coded
    monkeypatch.setattr(colours, "embed", real)
    measure(setup, faces, ["webp48"], workers=1)
    assert colours.seen == 8


def test_workers_are_processes(tmp_path, faces):
    """A judge without dlib's size would do, but a stand-in cannot travel: no judge at all."""
    setup = Setup((), (48,), tmp_path)
    measure(setup, faces, ["webp48"], workers=2)
    assert len(collect(setup, faces, "webp48", "webp48", 48).psnr) == 4
