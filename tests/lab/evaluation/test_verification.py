"""The LFW protocol: the right pairs, and thresholds that never see the fold they judge."""

import numpy as np
import pytest

from stc.errors import DataError
from stc.lab.evaluation.verification import Pairs, accuracy, read_pairs


def test_read_pairs(tmp_path):
    lines = ["2\t1", "A_B\t1\t4", "A_B\t2\tC\t12", "D\t3\t5", "D\t1\tE\t1"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    pairs = read_pairs(tmp_path / "pairs.txt")
    assert pairs.first == ["A_B_0001", "A_B_0002", "D_0003", "D_0001"]
    assert pairs.second == ["A_B_0004", "C_0012", "D_0005", "E_0001"]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert pairs.names[0] == "A_B_0001"
    assert pairs.take(2).first == ["A_B_0001", "D_0001"]
    (tmp_path / "short.txt").write_text("\n".join(lines[:3]))
    with pytest.raises(ValueError, match="the first line states"):
        read_pairs(tmp_path / "short.txt")


@pytest.mark.parametrize("line", ["", "A", "A\t1", "A\tx\t2", "A\t1\tB\tx", "A\t1\tB\t2\t3"])
def test_a_malformed_line_is_named(tmp_path, line):
    (tmp_path / "pairs.txt").write_text(f"1\t1\nA\t1\t2\n{line}\n")
    with pytest.raises(DataError, match=r"pairs\.txt: line 3 names no pair"):
        read_pairs(tmp_path / "pairs.txt")


def pairs_of(same, folds):
    names = [str(i) for i in range(len(same))]
    return Pairs(names, names, np.array(same), np.array(folds))


def test_accuracy_of_a_perfect_and_of_a_blind_judge():
    generator = np.random.default_rng(0)
    same = generator.random(2000) < 0.5
    pairs = pairs_of(same, np.arange(2000) // 200)
    assert accuracy(np.where(same, 0.2, 0.8), pairs) == (1.0, 0.0)
    mean, error = accuracy(generator.random(2000), pairs)
    assert abs(mean - 0.5) < 4 * error
    assert error == pytest.approx(0.0112, abs=1e-3)


def test_a_fold_is_judged_by_the_threshold_of_the_others():
    # In fold 1 distances are shifted: its own best threshold would be right, that of fold 0 is not.
    same = [True, True, False, False] * 2
    distance = np.array([0.1, 0.2, 0.8, 0.9, 1.1, 1.2, 1.8, 1.9])
    mean, _ = accuracy(distance, pairs_of(same, [0] * 4 + [1] * 4))
    assert mean == 0.5
