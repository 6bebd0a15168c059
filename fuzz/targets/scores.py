"""Files of calibration scores: `Calibration.from_json`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fuzz.target import Target
from stc.errors import FormatError
from stc.protection.score_file import PARTS, Calibration, ScoreCounts
from stc.protection.stream import Parameters

_PARAMETERS = Parameters(groups=3, size=16, kept=8, steps=9, maker=b"fuzz")


def answer(data: bytes) -> Any:
    """The file written again, which must read the same, and a threshold of it."""
    found = Calibration.from_json(data)
    text = found.to_json()
    assert Calibration.from_json(text.encode()).to_json() == text  # noqa: S101
    step = found.impostor.lowest_step(found.impostor.pairs // 100)
    assert -PARTS <= step <= PARTS  # noqa: S101
    assert found.impostor.above(step) <= found.impostor.pairs // 100  # noqa: S101
    return text, step


def seeds() -> dict[str, bytes]:
    """Scores of three people, with and without mated ones; files that are refused."""
    impostor = ScoreCounts(-2, np.array([1, 0, 2]))
    mated = ScoreCounts(PARTS - 1, np.array([4]))
    few = Calibration(_PARAMETERS, 8, 3, 3, impostor, None).to_json()
    return {
        "impostor": few.encode(),
        "mated": Calibration(_PARAMETERS, 2, 3, 7, impostor, mated).to_json().encode(),
        "empty": b"",
        "other": json.dumps({**json.loads(few), "people": 4}).encode(),
        "version": few.replace('"version": 1', '"version": 2').encode(),
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError,),
    parsers=("stc.protection.score_file",),
    max_len=512,
)
