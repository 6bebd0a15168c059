"""Makes conformance/vectors and conformance/results.md again: python -m conformance.make

The small models and their vectors change only with the specification. The other vectors depend on
the golden files (tests/codec/golden) of the packaged models: run this after
`python -m tests.codec.release`. --vectors does not write the results.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from conformance import VECTORS
from conformance.broken_files import broken_files
from conformance.broken_models import ERROR, broken_models
from conformance.model_bytes import splices
from conformance.odd_models import odd_models
from conformance.tiny import save_packed, save_plain
from conformance.valid import DETAIL_STEPS, Message, Reference, messages, pack
from stc import bitstream
from stc.codec.model_file import FOLDER as WEIGHTS
from stc.codec.model_file import ModelFile, open_model
from stc.imaging import frame
from tests.codec.make_golden import FOLDER as GOLDEN

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tests" / "assets" / "astronaut.png"
MAX_BYTES = 1_500_000

# The messages of small models for which pictures, details and bare files are written.
PICTURES = {"one", "count-128", "whole"}
DETAILS = {"whole"}
BARE = {"one", "count-127", "count-128", "whole", "empty"}

Rows = list[dict[str, Any]]


class Writer:
    """Writes files into the folder of the vectors -> their names, for the manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, data: bytes) -> str:
        """Write bytes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def json(self, name: str, value: Any) -> str:
        """Write a value as JSON."""
        return self.write(name, (json.dumps(value, separators=(",", ":")) + "\n").encode())

    def picture(self, name: str, pixels: np.ndarray[Any, Any]) -> str:
        """Write pixels as PNG."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, optimize=True)
        return name


def main() -> None:
    """Make the vectors and, without --vectors, the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", action="store_true", help="do not write results.md")
    options = parser.parse_args()
    unfinished = VECTORS.with_name("vectors.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_vectors(unfinished)
    shutil.rmtree(VECTORS, ignore_errors=True)
    unfinished.rename(VECTORS)
    if not options.vectors:
        from conformance.results import write_results

        write_results()


def make_vectors(folder: Path) -> None:
    """Write all vectors into a new folder. Raises ValueError if they are too large."""
    writer = Writer(folder)
    (folder / "models").mkdir(parents=True)
    packed = save_packed(folder / "models" / "tiny-packed.safetensors")
    plain = save_plain(folder / "models" / "tiny-plain.safetensors")
    shipped = [open_model(path.stem) for path in sorted(WEIGHTS.glob("*.safetensors"))]
    whole = {model.name: _whole(model) for model in (packed, plain)}
    manifest = {
        "models": {model.name: _described(model, folder) for model in (packed, plain, *shipped)},
        "valid": [row for model in (packed, plain) for row in _small(writer, model)]
        + _odd(writer, packed, whole[packed.name])
        + [row for number, model in enumerate(shipped) for row in _shipped(writer, model, number)],
        "malformed": _malformed(writer, packed, whole[packed.name]),
        "malformed_models": _malformed_models(writer, packed, whole[packed.name]),
    }
    for model in (packed, plain):
        _tables(writer, model)
    text = "".join(_lines(key, rows) for key, rows in manifest.items()).removesuffix(",\n")
    writer.write("manifest.json", f"{{\n{text}\n}}\n".encode())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise ValueError(f"the vectors have {size:,} bytes, more than {MAX_BYTES:,}")


def _lines(key: str, rows: Any) -> str:
    """A member of the manifest, with one case per line."""
    if isinstance(rows, dict):
        inner = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        return f'"{key}": {{\n{inner}\n}},\n'
    return f'"{key}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n],\n"


def _described(model: ModelFile, folder: Path) -> dict[str, Any]:
    own = model.path.is_relative_to(folder)
    path = model.path.relative_to(folder) if own else Path("../..") / model.path.relative_to(ROOT)
    data = model.path.read_bytes()
    return {
        "path": path.as_posix(),
        "fingerprint": model.fingerprint,
        "sha256": hashlib.sha256(data).hexdigest(),
        "tokens": model.tables.tokens,
    }


def _whole(model: ModelFile) -> Message:
    return next(message for name, _, message in messages(model) if name == "whole")


def _case(model: ModelFile, name: str, why: str, message: Message, file: str) -> dict[str, Any]:
    group, indices = message
    return {
        "name": name,
        "why": why,
        "model": model.name,
        "file": file,
        "bare": False,
        "group": group,
        "indices": indices.tolist(),
    }


def _small(writer: Writer, model: ModelFile) -> Rows:
    """The cases of a small model."""
    reference, rows = Reference(model), []
    for short, why, message in messages(model):
        name = f"{model.name}-{short}"
        file = writer.write(f"files/{name}.stc", pack(model, message))
        row = _case(model, name, why, message, file)
        if short in PICTURES:
            row |= _drawn(writer, reference, name, message, detail=short in DETAILS)
        rows.append(row)
        if short in BARE:
            file = writer.write(f"files/{name}-bare.stc", pack(model, message, bare=True))
            bare = {"name": f"{name}-bare", "file": file, "bare": True, "why": f"{why}; bare"}
            rows.append(row | bare)
    return rows


def _odd(writer: Writer, model: ModelFile, whole: Message) -> Rows:
    """Valid variants of a small model, each with a file that needs all of its arrays.

    The file is bare, since these models have other fingerprints.
    """
    sound, rows = model.path.read_bytes(), []
    usual = f"{model.name}-whole"
    for odd in odd_models(sound):
        name = f"{model.name}-{odd.name}"
        row = _case(model, name, odd.why, whole, f"files/{usual}-bare.stc")
        row |= {"bare": True, "splices": splices(sound, odd.data)}
        with TemporaryDirectory() as folder:
            path = Path(folder) / model.path.name
            path.write_bytes(odd.data)
            reference = Reference(open_model(path))
            if odd.is_drawn_otherwise:
                row |= _drawn(writer, reference, name, whole, detail=False)
            else:
                row |= {"planes": f"planes/{usual}.f32", "picture": f"pictures/{usual}.png"}
        rows.append(row)
    return rows


def _tables(writer: Writer, model: ModelFile) -> None:
    """Write the frequencies of a small model, and its matrices as integers."""
    tables = [model.tables.groups, *model.tables.levels]
    writer.json(
        f"tables/{model.name}.json",
        {"groups": tables[0].tolist(), "levels": [level.tolist() for level in tables[1:]]},
    )
    matrices = {}
    for number in range(len(model.level_sizes)):
        for word in ("synthesis", "codebooks"):
            name = f"levels.{number}.{word}"
            matrices[name] = model.matrix(name).values[:64].tolist()
    basis = model.matrix("basis").values
    for place in (0, 1, 31, 32, 63, 2080, 4095, 4096, 4111, 4112, 5119, 5120, 6143):
        matrices[f"basis[{place}]"] = basis[place].tolist()
    writer.json(f"tables/{model.name}-matrices.json", matrices)


def _drawn(
    writer: Writer, reference: Reference, name: str, message: Message, *, detail: bool
) -> dict[str, str]:
    """Write planes and picture; with `detail` also the network's output and the steps to it."""
    planes = reference.planes(message).astype("<f4")
    found = {
        "planes": writer.write(f"planes/{name}.f32", planes.tobytes()),
        "picture": writer.picture(f"pictures/{name}.png", reference.picture(message)),
    }
    if detail:
        steps = np.rint(reference.detail(message) * DETAIL_STEPS).astype("<i2")
        found["detail"] = writer.write(f"planes/{name}.i16", steps.tobytes())
        small = reference.model.name.startswith("tiny")
        found["steps"] = writer.json(f"steps/{name}.json", reference.steps(message, small))
    return found


def _shipped(writer: Writer, model: ModelFile, number: int) -> Rows:
    """The golden files of a packaged model: planes for the first model only, pictures for all."""
    reference, rows = Reference(model), []
    canvas = frame(SOURCE)
    golden = json.loads((GOLDEN / f"{model.name}.json").read_text())
    for place, case in enumerate(golden):
        data = bytes.fromhex(case["file"])
        model.check_named(data[2:4])
        message = bitstream.unpack(data, model.tables)
        file = writer.write(f"files/{case['name']}.stc", data)
        row = _case(model, case["name"], f"a portrait in {len(data)} bytes", message, file)
        if number == 0 or place == len(golden) - 1:
            drawn = _drawn(writer, reference, case["name"], message, detail=place + number == 0)
            row |= drawn if place % 3 == 0 else {"picture": drawn["picture"]}
        row["quality"] = round(reference.quality(canvas, message), 6)
        row["source"] = "pictures/source.png"
        rows.append(row)
    writer.picture("pictures/source.png", canvas)
    return rows


def _malformed(writer: Writer, model: ModelFile, whole: Message) -> Rows:
    return [
        {
            "name": case.name,
            "why": case.why,
            "model": model.name,
            "file": writer.write(f"malformed/{case.name}.stc", case.data),
            "bare": case.bare,
            "error": case.error,
        }
        for case in broken_files(model, whole)
    ]


def _malformed_models(writer: Writer, model: ModelFile, whole: Message) -> Rows:
    """Every invalid model, with a file that needs all arrays of the model.

    The file is bare, since an invalid model may have another fingerprint.
    """
    sound, rows = model.path.read_bytes(), []
    for case in broken_models(sound):
        rows.append(
            {
                "name": f"model-{case.name}",
                "why": case.why,
                "model": model.name,
                "splices": splices(sound, case.data),
                "file": f"files/{model.name}-whole-bare.stc",
                "bare": True,
                "error": ERROR,
            }
        )
    return rows


if __name__ == "__main__":
    main()
