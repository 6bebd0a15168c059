"""The table of what every part of synthesis is worth."""

import numpy as np

from stc.lab.eye.ablation import DEFAULT, Row, line, rows


def test_every_row_differs_from_the_default_in_one_part():
    first, nearest, *others = rows()
    assert first.plan is DEFAULT
    assert nearest.plan is None
    for row in others:
        differs = [name for name, value in vars(DEFAULT).items() if vars(row.plan)[name] != value]
        assert len(differs) == 1, row
        assert f"{vars(row.plan)[differs[0]]:g}" in row.part
    assert len({row.part for row in rows()}) == len(rows())


def test_a_line_has_means_or_differences_with_their_errors():
    names = ("dlib", "faceres", "lpips", "psnr")
    default = {name: np.array([1.0, 3.0]) for name in names}
    other = {name: np.array([1.5, 4.5]) for name in names}
    assert line(Row("default", DEFAULT), default, default) == (
        "| default | 2.0000 ± 1.0000 | 2.0000 ± 1.0000 | 2.0000 ± 1.0000 | 2.00 ± 1.00 |"
    )
    assert line(Row("far", None), other, default) == (
        "| far | +1.0000 ± 0.5000 | +1.0000 ± 0.5000 | +1.0000 ± 0.5000 | +1.00 ± 0.50 |"
    )
