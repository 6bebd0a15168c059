"""The decoders of this repository pass every case, and the vectors are those of the models here."""

import argparse
import datetime
import json
import re
import shutil

import pytest

import stc.errors
from conformance import FOLDER, VECTORS
from conformance.cases import PARENTS, read_cases, spliced
from conformance.checking import Outcome, judge
from conformance.decoders.in_python import decode
from conformance.make import MAX_BYTES
from conformance.running import run_cases
from conformance.tiny import save_packed, save_plain
from conformance.version import DATE, VERSION
from stc.codec.model_file import FOLDER as WEIGHTS
from stc.codec.model_file import open_model
from stc.native import library as native
from stc.native.choice import VARIABLE

CASES = read_cases()
WASM = FOLDER.parent / "web" / "decoder" / "dist" / "index.js"


@pytest.fixture(params=["native", "portable"])
def core(request, monkeypatch):
    if request.param == "native" and native.why:
        pytest.skip(native.why)
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_decoders_pass(case, core, tmp_path):
    model = case.model
    if case.splices:
        model = tmp_path / "model.safetensors"
        model.write_bytes(spliced(case.model.read_bytes(), case.splices))
    options = argparse.Namespace(
        core=core, model=model, file=case.file, folder=tmp_path, bare=case.bare, source=case.source
    )
    try:
        result = decode(options)
    except stc.errors.StcError as error:
        result = {"error": type(error).__name__}
    (tmp_path / "result.json").write_text(json.dumps(result))
    verdict = judge(case, Outcome(tmp_path, 0, ""))
    assert not verdict.failed, verdict.marks


@pytest.mark.skipif(not WASM.is_file() or not shutil.which("node"), reason="web/decoder not built")
def test_the_decoder_for_pages_passes():
    names = re.compile(
        r"tiny-\w+-(whole|empty)(-bare)?|stc-face-\d+-32|.*(magic|cut|mean|sum)|other-model.*|"
        r"tiny-packed-(unknown|no-bytes|spelling|wrapping)|"
        r"model-(bom|not-utf-8|digests-twice|escape-twice|minus-zero|empty-inside|first-empty)"
    )
    cases = [case for case in CASES if names.fullmatch(case.name)]
    glue = str(FOLDER / "decoders" / "in_wasm.mjs")
    for verdict in run_cases(["node", glue, "{model}", "{file}", "{folder}", "{bare}"], cases):
        assert not verdict.failed, (verdict.case.name, verdict.marks)


def test_the_models_are_those_that_are_shipped():
    models = json.loads((VECTORS / "manifest.json").read_text())["models"]
    for path in WEIGHTS.glob("*.safetensors"):
        assert models[path.stem]["fingerprint"] == open_model(path).fingerprint
    for row in models.values():
        assert open_model(VECTORS / row["path"]).fingerprint == row["fingerprint"]


def test_the_vectors_are_small():
    assert sum(path.stat().st_size for path in VECTORS.rglob("*") if path.is_file()) <= MAX_BYTES


def test_every_kind_of_case_is_there():
    assert {case.error for case in CASES} == {"", "ModelError"} | {
        "BadMagicError",
        "CorruptError",
        "TruncatedError",
        "UnsupportedVersionError",
        "WrongModelError",
    }
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


def test_the_tree_of_errors_is_the_librarys():
    for name, parent in PARENTS.items():
        assert getattr(stc.errors, name).__base__.__name__ == parent


def test_the_first_page_states_version_and_date():
    text = (FOLDER / "README.md").read_text()
    day = datetime.date.fromisoformat(DATE)
    assert f"Version {VERSION}, of {day.day} {day:%B} {day.year}." in text


def test_the_results_are_of_this_version_and_these_models():
    text = (FOLDER / "results.md").read_text()
    assert f"Specification {VERSION} of {DATE}" in text
    for path in WEIGHTS.glob("*.safetensors"):
        assert f"{path.stem} ({open_model(path).fingerprint[:4]})" in text
    assert "What failed" not in text


def test_small_models_are_made_the_same_again(tmp_path):
    for save in (save_packed, save_plain):
        name = f"tiny-{save.__name__.removeprefix('save_')}.safetensors"
        made = save(tmp_path / name).path.read_bytes()
        assert made == (VECTORS / "models" / name).read_bytes()
