"""Every example of README and docs runs as it stands."""

import re
import shutil
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

import stc
from stc.carriers import ndef, qr
from stc.gallery import shards
from tests.conftest import WITHOUT_TORCH
from tests.docs.pages import PAGES, ROOT, commands, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# This page is one program, with a test of its own: tests/lab/tokenizers/test_own.py.
ABOUT_TORCH = {"evaluation.md", "kernels.md", "protection.md", "tokenizers.md", "training.md"}
OWN_TEST = ("tokenizers.md",)


@pytest.fixture(scope="module")
def small_file():
    """A face that fits every tag."""
    return stc.encode(ROOT / "tests" / "assets" / "astronaut.png", max_bytes=96)


@pytest.fixture
def reader(tmp_path, monkeypatch, face_file, small_file):
    """A folder as a reader has it, and the names that short examples take for granted."""
    (tmp_path / "tests" / "assets").mkdir(parents=True)
    portrait = tmp_path / "tests" / "assets" / "astronaut.png"
    shutil.copy(ROOT / "tests" / "assets" / "astronaut.png", portrait)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with Image.open(portrait) as picture:
        picture.convert("RGB").save(tmp_path / "photo.jpg", quality=95)
    (tmp_path / "scanned.txt").write_text(f"{qr.to_text(face_file).lower()}\n")
    (tmp_path / "tag.bin").write_bytes(ndef.memory(small_file, "ntag213"))
    (tmp_path / "photos").mkdir()
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "photos" / "first.jpg")
    for name in ("photo-of-the-code.jpg", "photo-of-the-card.jpg"):
        (tmp_path / name).write_bytes(qr.make(face_file).draw("png"))
    for name in ("alice", "bob", "probe", "new"):
        shutil.copy(tmp_path / "photo.jpg", tmp_path / f"{name}.jpg")
    for shard in range(2):
        with tarfile.open(tmp_path / f"in-{shard:03}.tar", "w") as tar:
            tar.add(tmp_path / "photo.jpg", f"{shard}.jpg")
    monkeypatch.chdir(tmp_path)
    template = np.random.default_rng(0).normal(size=(2, 49, 16))
    monkeypatch.setattr(shards, "threads", lambda: 1)  # processes take seconds to start
    return {
        "stc": stc,
        "features": template[0],
        "weights": np.full(49, 1 / 49),
        "others": template[1],
        "their_weights": np.full(49, 1 / 49),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page, reader, monkeypatch):
    if WITHOUT_TORCH and page.name in ABOUT_TORCH:
        pytest.skip("needs torch")
    if page.name in OWN_TEST:
        pytest.skip("has a test of its own")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run(page, reader)


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            file, _, anchor = target.partition("#")
            if file.startswith("http"):
                continue
            found = page.parent / file if file else page
            assert found.exists(), f"{page.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
                assert anchor in map(slug, headings), f"{page.name}: {target}"


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_few_blocks_are_not_run():
    marked = [len(re.findall("<!-- not run: ", page.read_text())) for page in PAGES]
    assert sum(marked) <= 9


def test_oldest_libraries_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    for extra in ("qr", "claim169", "gallery", "ray", "serve", "cuda", "protection", "lab"):
        for requirement in [*project["dependencies"], *extras[extra]]:
            name, oldest = re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement).groups()
            assert re.search(rf"\b{name} {re.escape(oldest)}\b(?!\.)", page, re.I), requirement


def test_commands_of_a_block():
    text = "pip install . && stc a 'b c' \\\n  -o d  # why\n\nstc e && stc f\n"
    assert list(commands(text)) == [["stc", "a", "b c", "-o", "d"], ["stc", "e"], ["stc", "f"]]
