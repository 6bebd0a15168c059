"""Sets of faces and views of them, as one array that is made once."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from stc.errors import StcError
from stc.lab.training.collection import DataPlan, FaceSet, collect, plain


@pytest.fixture
def folder(faces, tmp_path):
    """Two tar files, of four faces and of two."""
    for name, own in (("a", faces[:4]), ("b", faces[4:6])):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for i, face in enumerate(own):
                buffer = io.BytesIO()
                Image.fromarray(face).save(buffer, "PNG")
                member = tarfile.TarInfo(f"{i}.png")
                member.size = buffer.tell()
                buffer.seek(0)
                tar.addfile(member, buffer)
    return tmp_path


def test_views_follow_the_faces_and_count_as_often(folder, faces):
    sets = FaceSet("b", times=5), FaceSet("a", views=3, times=2)
    found = collect(folder, DataPlan(sets, held_out=4), folder / "x.npy", seed=0)
    np.testing.assert_array_equal(found.pixels[:6], faces[[4, 5, 0, 1, 2, 3]])
    # Of the first and the fifth, which are held out, there are no views.
    assert found.held.tolist() == [True, False, False, False, True] + [False] * 7
    assert found.repeats.tolist() == [5, 5, 2, 2, 2, 2] + [2] * 6
    assert len(found) == 12
    near = np.abs(found.pixels[6:, None].astype(int) - faces[:4]).mean((2, 3, 4)).argmin(1)
    assert near.tolist() == [0, 0, 1, 1, 3, 3]
    assert (found.pixels[6] != found.pixels[7]).any()


def test_without_sets_it_is_all_faces_once(folder, faces):
    found = collect(folder, DataPlan(), folder / "x.npy", seed=0)
    np.testing.assert_array_equal(found.pixels, faces[:6])
    assert found.repeats.tolist() == [1] * 6
    assert found.held.tolist() == [True] + [False] * 5


def test_a_face_that_is_a_link_counts(folder, faces):
    with tarfile.open(folder / "b.tar", "a") as tar:
        link = tarfile.TarInfo("2.png")
        link.type, link.linkname = tarfile.LNKTYPE, "0.png"
        tar.addfile(link)
    found = collect(folder, DataPlan((FaceSet("b"),)), folder / "x.npy", seed=0)
    np.testing.assert_array_equal(found.pixels, faces[[4, 5, 4]])


def test_it_is_made_once(folder):
    plan = DataPlan((FaceSet("a", views=2),))
    first = collect(folder, plan, folder / "x.npy", seed=0)
    written = (folder / "x.npy").stat().st_mtime_ns
    again = collect(folder, plan, folder / "x.npy", seed=0)
    assert (folder / "x.npy").stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.pixels, again.pixels)
    with pytest.raises(StcError, match=r"x\.npy has 7 pictures, but the data has 4"):
        collect(folder, DataPlan((FaceSet("a"),)), folder / "x.npy", seed=0)


def test_what_is_missing_is_said(folder, faces, tmp_path):
    with pytest.raises(StcError, match=r"has no c\.tar"):
        collect(folder, DataPlan((FaceSet("c"),)), folder / "x.npy", seed=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StcError, match="no tar files"):
        collect(tmp_path / "empty", DataPlan(), folder / "x.npy", seed=0)
    with pytest.raises(StcError, match=r"must be a folder of tar files, to find a\.tar"):
        plain(faces, DataPlan((FaceSet("a"),)))
    with pytest.raises(ValueError, match="a: views and times must be at least 1, not 0 and 1"):
        FaceSet("a", views=0)
    with pytest.raises(ValueError, match="held_out must be at least 2"):
        DataPlan(held_out=1)


def test_an_array_is_taken_as_it_is(faces):
    found = plain(faces, DataPlan(held_out=10))
    assert found.pixels is faces
    assert np.flatnonzero(found.held).tolist() == [0, 10, 20]
