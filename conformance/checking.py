"""Comparing the results of a decoder with those that a case expects.

A decoder writes its results to files in a folder:

    result.json               {"group": 5, "indices": [79, 238]} or {"error": "CorruptError"};
                              with "quality", if it gets the source
    picture.png, picture.ppm  the picture, 128x128 pixels
    planes.f32                6144 floats of 32 bits, little-endian: the planes
    detail.f32                128 x 128 x 3 of them, rows first: the output of the network

Missing files are not judged, but a valid file needs tokens or a picture.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from conformance.cases import PARENTS, Case, is_a

# The tolerances of README.md.
PICTURE = 1  # of 255
PLANES = 1e-4
DETAIL = 1e-3
QUALITY = 1e-3
DETAIL_STEPS = 8192

COLUMNS = ("tokens", "planes", "detail", "picture", "quality", "error")


@dataclass
class Verdict:
    """The marks of a case by column: "ok", "-" for a missing result, "unnamed", or the fault.

    "unnamed" is a refusal without the name of an error, which is allowed.
    """

    case: Case
    marks: dict[str, str] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)  # differences, by column

    @property
    def failed(self) -> bool:
        """Whether any column has a fault."""
        return any(mark not in ("ok", "-", "unnamed") for mark in self.marks.values())


@dataclass(frozen=True)
class Outcome:
    """The exit status of a decoder, its messages, and the folder with its results."""

    folder: Path
    status: int
    messages: str


def judge(case: Case, outcome: Outcome) -> Verdict:
    """Compare all results of a decoder with the case."""
    verdict = Verdict(case)
    try:
        result = json.loads((outcome.folder / "result.json").read_text())
        if not isinstance(result, dict):
            raise ValueError("not an object")
    except FileNotFoundError:
        result = {}
    except ValueError as error:
        verdict.marks["tokens"] = f"result.json: {error}"
        return verdict
    pictures = [outcome.folder / f"picture.{ending}" for ending in ("png", "ppm")]
    picture = next((path for path in pictures if path.is_file()), None)
    if case.error:
        verdict.marks["error"] = _refusal(case, outcome, result, picture)
        return verdict
    if "error" in result or outcome.status:
        name = result.get("error") or f"exit status {outcome.status}: {_last(outcome.messages)}"
        verdict.marks["tokens"] = f"refused: {name}"
        return verdict
    verdict.marks["tokens"] = _tokens(case, result)
    if picture is None and verdict.marks["tokens"] == "-":
        verdict.marks["picture"] = "neither tokens nor a picture"
        return verdict
    for column, expected, limit, read in (
        ("planes", case.planes, PLANES, _planes),
        ("detail", case.detail, DETAIL, _detail),
        ("picture", case.picture, PICTURE, _pixels),
    ):
        path = picture if column == "picture" else outcome.folder / f"{column}.f32"
        if expected is not None:
            verdict.marks[column] = _compared(verdict, column, path, expected, limit, read)
    if case.quality is not None:
        found = result.get("quality")
        verdict.marks["quality"] = "-" if found is None else _near(found, case.quality)
    return verdict


def _refusal(case: Case, outcome: Outcome, result: dict, picture: Path | None) -> str:
    if outcome.status < 0:
        return f"ended by signal {-outcome.status}"
    if picture is not None or "indices" in result:
        return f"accepted, where {case.error} belongs"
    name = result.get("error", "")
    if not name:
        named = [word for word in re.findall(r"\w+", outcome.messages) if word in PARENTS]
        name = named[-1] if named else ""
    if not name:
        return "unnamed" if outcome.status else f"nothing, where {case.error} belongs"
    return "ok" if is_a(str(name), case.error) else f"{name}, not {case.error}"


def _tokens(case: Case, result: dict) -> str:
    if "indices" not in result:
        return "-"
    group, indices = result.get("group"), result["indices"]
    if group != case.group:
        return f"group {group}, not {case.group}"
    if list(indices) == list(case.indices):
        return "ok"
    pairs = zip(indices, case.indices, strict=False)
    place = next((at for at, (a, b) in enumerate(pairs) if a != b), None)
    if place is None:
        return f"{len(indices)} tokens, not {len(case.indices)}"
    return f"token {place} is {indices[place]}, not {case.indices[place]}"


def _compared(verdict: Verdict, column: str, path: Path | None, expected, limit, read) -> str:
    if path is None or not path.is_file():
        return "-"
    try:
        found, wanted = read(path), read(expected)
    except (ValueError, OSError) as error:
        return f"cannot be read: {error}"
    if found.shape != wanted.shape:
        return f"{list(found.shape)}, not {list(wanted.shape)}"
    difference = np.abs(found - wanted)
    largest = float(difference.max())
    verdict.largest[column] = largest
    if not largest <= limit:  # NaN, too
        count = int((~(difference <= limit)).sum())
        return f"off by {largest:.3g} in {count} of {difference.size}"
    return "ok"


def _near(found: object, expected: float) -> str:
    near = isinstance(found, float | int) and abs(found - expected) <= QUALITY
    return "ok" if near else f"{found}, not {expected:.4f}"


def _planes(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), "<f4").astype(float)


def _detail(path: Path) -> np.ndarray:
    if path.suffix == ".i16":
        return np.frombuffer(path.read_bytes(), "<i2") / DETAIL_STEPS
    return np.frombuffer(path.read_bytes(), "<f4").astype(float)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:100] if lines else "no message"
