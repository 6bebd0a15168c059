"""Exit codes: each kind of error has one, and the documents list the same codes."""

import re
from pathlib import Path

import pytest

from stc import errors
from stc.cli import exit_codes
from stc.cli.main import build_parser, main


def by_class():
    """Every error that may end the command, with its code."""
    for module in (errors, exit_codes):
        for error in vars(module).values():
            if isinstance(error, type) and issubclass(error, errors.StcError):
                yield error, exit_codes.code_of(error("why"))


def test_every_error_has_a_code_that_is_explained():
    found = dict(by_class())
    assert set(found.values()) | {0, 130} == set(exit_codes.MEANINGS)
    assert found[errors.NoFaceError] == 3
    assert found[errors.MissingExtraError] == found[errors.BackendError] == 12
    assert found[errors.DataError] == 1
    assert exit_codes.code_of(FileNotFoundError()) == found[exit_codes.FileError] == 11
    assert exit_codes.code_of(ValueError()) == 1


def test_no_two_kinds_share_a_code():
    roots = {error: code for error, code in by_class() if error.__base__ is errors.StcError}
    shared = {errors.DataError: 1, errors.BackendError: 12, errors.SettingsError: 2}
    apart = [code for error, code in roots.items() if error not in shared]
    assert len(apart) == len(set(apart))


def test_help_and_documents_list_what_the_code_returns():
    lists = {
        "help": re.findall(r"^ +(\d+)  (.+)$", build_parser("info").format_help(), re.MULTILINE),
        "docs/cli.md": re.findall(
            r"^\| (\d+) \| (.+) \|$", Path("docs/cli.md").read_text(), re.MULTILINE
        ),
        "docs/stc.1": re.findall(
            r"^\.B (\d+)\n(.+)$", Path("docs/stc.1").read_text(), re.MULTILINE
        ),
    }
    for place, listed in lists.items():
        assert {int(code): what for code, what in listed} == exit_codes.MEANINGS, place


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["info", "FACE"], 0),
        (["info", "FACE", "--model", "none"], 6),
        (["info", "nowhere.stc"], 11),
        (["info", "pyproject.toml"], 4),
        (["decode", "FACE", "-o", "HERE"], 10),
        (["decode", "FACE", "-o", "FACE"], 2),
        (["decode", "FACE", "-o", "no/where.png"], 11),
        (["decode", "FACE", "-o", "face.xyz"], 2),
        (["qr", "FACE", "-o", "code.xyz"], 2),
        (["encode", "pyproject.toml", "-o", "NEW"], 7),
        (["encode", "tests/assets/astronaut.png", "-o", "NEW", "--max-bytes", "3"], 5),
        (["encode", "tests/assets/astronaut.png", "-o", "NEW", "--stages", "99"], 2),
    ],
)
def test_commands(words, code, path, tmp_path, capsys):
    (tmp_path / "here.png").write_bytes(b"precious")
    names = {"FACE": path, "HERE": tmp_path / "here.png", "NEW": tmp_path / "new.stc"}
    assert main([str(names.get(word, word)) for word in words]) == code
    assert bool(capsys.readouterr().err) == bool(code)


def test_a_backend_that_there_is_not(path, tmp_path, monkeypatch):
    monkeypatch.setenv("STC_CORE", "abacus")
    assert main(["decode", str(path), "-o", str(tmp_path / "face.png")]) in (0, 12)
    monkeypatch.setenv("STC_BACKEND", "abacus")
    words = ["encode", "tests/assets/astronaut.png", "-o", str(tmp_path / "new.stc")]
    assert main([*words, "--effort", "0"]) == 12
