"""Pairs find their faces, in a folder or a tar file, by short names or long ones."""

import pickle

import numpy as np
import pytest
from PIL import Image

from stc.errors import DataError
from stc.imaging import frame
from stc.lab.evaluation.pictures import read_faces
from stc.lab.evaluation.protocols import read_protocols
from tests.lab.evaluation.pictures import encoded, write_tar


def plain(value):
    return np.full((128, 128, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path):
    lines = ["2\t1", "A\t1\t2", "A\t1\tB\t1", "B\t1\t2", "A\t2\tB\t2"]
    (tmp_path / "toy_pairs.txt").write_text("\n".join(lines))
    names = ("A_0001", "A_0002", "B_0001", "B_0002")
    write_tar(tmp_path / "faces.tar", {name: plain(10 * i) for i, name in enumerate(names)})
    return tmp_path


def test_lfw_form(folder):
    (protocol,) = read_protocols(folder / "toy_pairs.txt", folder / "faces.tar")
    assert protocol.name == "toy"
    assert protocol.faces[:, 0, 0, 0].tolist() == [0, 10, 20, 30]
    first, second = protocol.pairs.places
    assert (first.tolist(), second.tolist()) == ([0, 0, 2, 1], [1, 2, 3, 3])
    (less,) = read_protocols(folder / "toy_pairs.txt", folder / "faces.tar", limit=2)
    assert len(less.pairs.same) == 2


def test_cfp_form(folder):
    split = folder / "Protocol" / "Split" / "FF" / "01"
    split.mkdir(parents=True)
    (split / "same.txt").write_text("1,2")
    (split / "diff.txt").write_text("2,1")
    places = [folder / f"Images/00{i}/frontal/01.png" for i in (1, 2)]
    lines = [f"{i} ../Images/00{i}/frontal/01.jpg" for i in (1, 2)]
    (folder / "Protocol" / "Pair_list_F.txt").write_text("\n".join(lines))
    for i, place in enumerate(places):
        place.parent.mkdir(parents=True)
        place.write_bytes(encoded(plain(50 * i)))
    (protocol,) = read_protocols(folder, folder / "Images")
    assert protocol.name == "cfp_ff"
    assert protocol.faces[:, 0, 0, 0].tolist() == [0, 50]


def test_bin_form_brings_its_pictures(folder):
    crops = [encoded(np.full((112, 112, 3), i, np.uint8), "JPEG") for i in (0, 80, 160, 240)]
    (folder / "calfw.bin").write_bytes(pickle.dumps((crops, [True, False])))
    (protocol,) = read_protocols(folder / "calfw.bin", None)
    assert protocol.name == "calfw"
    assert protocol.faces[:, 64, 64, 0].tolist() == [0, 80, 160, 240]


def test_photos_are_aligned_and_canvases_are_not_touched(tmp_path):
    photo = Image.open("tests/assets/astronaut.png").convert("RGB")
    canvas = frame(photo)
    write_tar(tmp_path / "x.tar", {"photo": np.asarray(photo), "canvas": canvas})
    faces = read_faces(tmp_path / "x.tar", ["canvas", "photo"])
    assert (faces[0] == canvas).all()
    assert np.abs(faces[1].astype(int) - canvas).mean() < 1


def test_missing_and_doubtful_faces_are_named(folder):
    with pytest.raises(DataError, match=r"lacks 1 of the pictures, such as C_0001"):
        read_faces(folder / "faces.tar", ["A_0001", "C_0001"])
    for sub in ("x", "y"):
        (folder / sub).mkdir()
        (folder / sub / "A_0001.png").write_bytes(encoded(plain(1)))
    with pytest.raises(DataError, match="two pictures called A_0001"):
        read_faces(folder, ["A_0001"])
    with pytest.raises(DataError, match="no such file"):
        read_protocols(folder / "nothing", None)
    with pytest.raises(DataError, match="--images"):
        read_protocols(folder / "toy_pairs.txt", None)
    (folder / "empty.txt").write_text("")
    with pytest.raises(DataError, match="two integers"):
        read_protocols(folder / "empty.txt", folder)
