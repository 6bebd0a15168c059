"""What states the version and the licences of the package says the same everywhere."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stc

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / ".ci"

CHANGELOG = "# Changelog\n\n## 1.2.0 (2027-01-31)\n\n## 1.1.0 (2026-12-31)\n"
CITATION = "version: 1.2.0\ndate-released: 2027-01-31\n"


@pytest.fixture
def terms():
    """The names of .ci/terms.py."""
    return runpy.run_path(str(SCRIPTS / "terms.py"))


def problems(tag="v1.2.0", version="1.2.0", changelog=CHANGELOG, citation=CITATION):
    """What .ci/release_check.py finds."""
    texts = {
        "stc/version.py": f'__version__ = "{version}"\n',
        "CHANGELOG.md": changelog,
        "CITATION.cff": citation,
    }
    return runpy.run_path(str(SCRIPTS / "release_check.py"))["problems"](tag, texts)


def test_the_citation_is_of_this_version():
    (version,) = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert version == stc.__version__


def test_a_release_of_one_mind_has_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"tag": "1.2.0"}, "the tag is 1.2.0, the version in stc/version.py 1.2.0"),
        ({"changelog": "## 1.1.0 (2027-01-31)\n"}, "CHANGELOG.md begins with 1.1.0, and not with"),
        ({"changelog": "## 1.2.0 (unreleased)\n"}, "CHANGELOG.md has no date for 1.2.0: unrelea"),
        ({"changelog": "nothing\n"}, "CHANGELOG.md begins with None, and not with 1.2.0"),
        ({"citation": CITATION.replace("2.0", "1.0")}, "CITATION.cff is of version 1.1.0"),
        ({"citation": "version: 1.2.0\n"}, "CITATION.cff was released never, CHANGELOG.md has 20"),
    ],
)
def test_what_differs_is_said(given, line):
    assert any(problem.startswith(line) for problem in problems(**given))


def test_the_last_entry_that_matches_counts(terms, tmp_path, monkeypatch):
    entries = [("**", "A"), ("a/*.bin", "B"), ('", "'.join(["x", "a/b/*"]), "C")]
    text = "version = 1\n"
    for path, licence in entries:
        text += f'[[annotations]]\npath = ["{path}"]\nSPDX-License-Identifier = "{licence}"\n'
    (tmp_path / "REUSE.toml").write_text(text)
    monkeypatch.setitem(terms["terms_of"].__globals__, "ROOT", tmp_path)
    found = {
        path: terms["terms_of"](Path(path))["SPDX-License-Identifier"]
        for path in ("a/one.bin", "a/one.text", "a/b/one.bin", "a/b/c/one.bin", "x")
    }
    assert found == {
        "a/one.bin": "B",
        "a/one.text": "A",
        "a/b/one.bin": "C",
        "a/b/c/one.bin": "A",
        "x": "C",
    }


def test_the_licence_of_the_package_is_of_all_that_it_holds(terms):
    stated = {terms["terms_of"](path)["SPDX-License-Identifier"] for path in terms["weights"]()}
    assert terms["weights"]()
    assert all("SPDX-FileComment" in terms["terms_of"](path) for path in terms["weights"]())
    text = (ROOT / "pyproject.toml").read_text()
    (expression,) = re.findall(r'^license = "(.+)"$', text, re.MULTILINE)
    assert set(expression.split(" AND ")) == stated | {"MIT"}
    for licence in expression.split(" AND "):
        assert (ROOT / "LICENSES" / f"{licence}.txt").is_file()


def test_links_of_the_description_lead_out_of_the_package_index():
    pytest.importorskip("setuptools.command.bdist_wheel")
    command = [sys.executable, "setup.py", "--quiet", "--long-description"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    found = re.findall(r"\]\(([^)\s]+)\)", result.stdout)
    assert len(found) == len(links) > 10
    (url,) = re.findall(r'^Source = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for before, after in zip(links, found, strict=True):
        if before.startswith(("http", "#")):
            assert after == before
        else:
            kind = "raw" if before.endswith(".webp") else "blob"
            assert after == f"{url}/{kind}/v{stc.__version__}/{before}"
            assert (ROOT / before.partition("#")[0]).exists()


def test_one_command_of_the_release_page_fills_in_every_placeholder():
    text = (ROOT / "RELEASE.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"^    sed -i 's/OWNER/the-organisation/g' (.+)$", text, re.MULTILINE)
    endings = {".cff", ".md", ".py", ".toml", ".yml", ""}
    places = [ROOT, ROOT / ".ci", *(ROOT / name for name in (".github", "docs", "stc", "web"))]
    files = {path for place in places for path in place.glob("*") if path.is_file()}
    files |= {path for path in (ROOT / ".github").rglob("*") if path.is_file()}
    found = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.suffix in endings and "OWNER" in path.read_text(encoding="utf-8")
    }
    if not (ROOT / ".github").is_dir():  # in an sdist
        found.add(".github/CODEOWNERS")
    if "OWNER" in (ROOT / "pyproject.toml").read_text(encoding="utf-8"):  # not filled in yet
        assert found == set(named.split())


@pytest.mark.skipif(sys.platform == "win32", reason="needs git's shell")
def test_publishing_refuses_what_the_files_contradict(tmp_path):
    for name in ("publish", "release_check.py"):
        target = tmp_path / ".ci" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(SCRIPTS / name, target)
    (tmp_path / "stc").mkdir()
    (tmp_path / "stc" / "version.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "CITATION.cff").write_text("version: 1.1.0\n")
    result = subprocess.run([tmp_path / ".ci" / "publish"], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.endswith("not published: the files differ\n")
