"""Rows are what the scores say, and tables are what the rows say."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from stc.lab.evaluation import plots, report
from stc.lab.evaluation.measure import Setup, measure
from stc.lab.evaluation.protocols import read_protocols
from stc.lab.evaluation.results import Row, as_csv, gather

ROW = Row(
    protocol="lfw",
    codec="stc",
    bytes_limit=96,
    bytes_mean=95.5,
    bytes_most=96,
    failed=0.0,
    judge="dlib",
    sides="both",
    pairs=6000,
    accuracy=0.95,
    stderr=0.003,
    tar_far_1e2=0.9,
    tar_far_1e2_low=0.89,
    tar_far_1e2_high=0.91,
    tar_far_1e3=0.8,
    tar_far_1e3_low=0.79,
    tar_far_1e3_high=0.81,
    identity_cosine=0.9612,
    psnr=22.0,
    ssim=0.7,
    lpips=None,
)
PLAIN = replace(
    ROW, codec="originals", bytes_limit=None, bytes_mean=None, bytes_most=None, failed=None
)
PLAIN = replace(PLAIN, psnr=None, ssim=None, accuracy=0.99)


def test_gather(data, colours):
    (protocol,) = read_protocols(data / "toy_pairs.txt", data / "faces.tar")
    setup = Setup(("x",), (48, 384), data / "cache")
    measure(setup, protocol.faces, ["stc"], workers=1)
    rows, curves = gather(protocol, setup, ["stc"])
    assert [(row.codec, row.bytes_limit, row.sides) for row in rows] == [
        ("originals", None, "both"),
        ("stc", 48, "both"),
        ("stc", 48, "probe"),
        ("stc", 384, "both"),
        ("stc", 384, "probe"),
    ]
    assert [row.accuracy for row in rows] == [1] * 5
    assert rows[0].identity_cosine == pytest.approx(1)
    assert 46 < rows[1].bytes_mean <= rows[1].bytes_most <= 48
    assert rows[1].psnr < rows[3].psnr
    assert rows[1].identity_cosine < rows[3].identity_cosine < 1
    assert len(curves) == 3
    assert curves[0].tar.tolist() == [0, 0.5, 1, 1, 1]


def test_csv_has_the_promised_columns():
    (first,) = csv.DictReader(io.StringIO(as_csv([ROW])))
    promised = "codec bytes_limit bytes_mean judge sides pairs accuracy stderr tar_far_1e2"
    promised += " tar_far_1e3 identity_cosine psnr ssim"
    assert set(promised.split()) <= first.keys()
    assert first["identity_cosine"] == "0.9612"
    assert first["lpips"] == ""


def rows_of(codec, accuracies, **changes):
    return [
        replace(ROW, codec=codec, bytes_limit=limit, accuracy=accuracy, **changes)
        for limit, accuracy in accuracies.items()
    ]


def test_the_survival_table():
    probe = replace(ROW, sides="probe", accuracy=0.97)
    lines = report.survival_table([PLAIN, ROW, probe], "lfw", "dlib").splitlines()
    assert lines[2].startswith("| 96 | 95.5 | 22.00 | 0.700 |  | 95.0% ± 0.3% | 97.0% ± 0.3% |")
    assert "90.0% (89.0% to 91.0%)" in lines[2]
    assert lines[3].startswith("| originals |  |  |  |  | 99.0% ± 0.3% |")


def test_a_low_rate_needs_enough_impostor_pairs():
    for pairs, there in ((5999, False), (6000, True)):
        rows = [replace(row, pairs=pairs) for row in (PLAIN, ROW)]
        head = report.survival_table(rows, "lfw", "dlib").splitlines()[0]
        assert ("at 0.1 %" in head) == there


def test_twice_the_bytes_is_against_the_best_rival():
    rows = [
        *rows_of("stc", {96: 0.95, 192: 0.97, 512: 0.98}),
        *rows_of("stc bare", {192: 0.99}),
        *rows_of("webp", {192: 0.90, 384: 0.96}),
        *rows_of("avif", {192: 0.91, 384: 0.95}),
        *rows_of("avif bare", {192: 0.96}),
    ]
    lines = report.twice_table(rows, "lfw", "dlib").splitlines()[2:]
    assert lines == [
        "| 96 | 95.0% ± 0.3% | avif 91.0% ± 0.3% | +4.0 | avif bare 96.0% ± 0.3% | -1.0 |",
        "| 192 | 97.0% ± 0.3% | webp 96.0% ± 0.3% | +1.0 |  |  |",
    ]


def test_what_did_not_fit_is_said():
    rows = rows_of("avif", {48: 0.6}, failed=0.75, bytes_mean=298.0)
    assert "60.0% (75% too large, mean 298)" in report.rivals_table(rows, "lfw", "dlib")


def test_bars_are_stated_with_the_distance():
    rows = rows_of("stc", {96: 0.92, 192: 0.975})
    lines = report.bars_table(rows, "lfw").splitlines()[2:]
    assert lines[0].endswith("| 192 | 97% | 97.5% ± 0.3% | +0.5 points |"[1:])
    assert lines[1].endswith("| -1.0 points |")
    assert report.bars_table(rows, "cfp_fp") == ""


def test_plots_and_sheets_are_pictures(tmp_path):
    from PIL import Image

    rows = [PLAIN, *rows_of("stc", {48: 0.8, 96: 0.9}), *rows_of("webp bare", {48: 0.7})]
    plots.rate_accuracy(rows, tmp_path / "a.png")
    faces = np.zeros((2, 128, 128, 3), np.uint8)
    plots.face_sheet([("x", faces), ("y", faces[:1])], tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as plot, Image.open(tmp_path / "b.png") as sheet:
        assert plot.width > 400
        assert sheet.size == (2 * 132 + 4, 2 * 146 + 4)
