"""CFP's lists: numbers become names, and only FP looks into the list of profiles."""

import pytest

from stc.errors import DataError
from stc.lab.evaluation.cfp import find_splits, read_cfp


@pytest.fixture
def protocol(tmp_path):
    """Two folds of one same and one different pair."""
    folder = tmp_path / "Protocol"
    for kind in ("FF", "FP"):
        for fold in ("01", "02"):
            (folder / "Split" / kind / fold).mkdir(parents=True)
            shift = int(fold) - 1
            (folder / "Split" / kind / fold / "same.txt").write_text(f"{1 + shift},{2 + shift}\n")
            (folder / "Split" / kind / fold / "diff.txt").write_text(f"3,{1 + shift}\n")
    for kind, name in (("F", "frontal"), ("P", "profile")):
        lines = [f"{i} ../Data/Images/00{i}/{name}/0{i}.jpg" for i in (1, 2, 3)]
        (folder / f"Pair_list_{kind}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_frontal_and_profile(protocol):
    ff, fp = find_splits(protocol)
    assert find_splits(protocol.parent) == [ff, fp]
    assert find_splits(ff) == [ff]
    pairs = read_cfp(fp)
    assert pairs.first == ["001/frontal/01", "003/frontal/03", "002/frontal/02", "003/frontal/03"]
    assert pairs.second == ["002/profile/02", "001/profile/01", "003/profile/03", "002/profile/02"]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert read_cfp(ff).second[0] == "002/frontal/02"


def test_what_is_wrong_is_named(protocol):
    split = protocol / "Split" / "FP"
    (split / "02" / "diff.txt").write_text("1,9\n")
    with pytest.raises(DataError, match=r"diff\.txt: line 1 names no pair: '1,9'"):
        read_cfp(split)
    (protocol / "Pair_list_P.txt").unlink()
    with pytest.raises(DataError, match=r"Pair_list_P\.txt is missing"):
        read_cfp(split)
    assert find_splits(protocol.parent.parent) == []
