"""Completion in real shells, if they are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stc.cli.completion import FILES, FOLDER, MODEL, SHELLS
from stc.cli.main import build_parser, main
from stc.cli.plugins import expand
from stc.codec.model_file import DEFAULT

pytest.importorskip("shtab")

BASH = """\
source ./script
function_name=$(complete -p stc | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@" "")
[[ ${!#} == "" ]] || COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$function_name stc "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(request, tmp_path, capsys, monkeypatch):
    """The script of a shell in a current folder that also has a picture and a folder."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param}")
    assert main(["completion", request.param]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    return request.param


def complete(shell, *words):
    """The completions that a shell offers for the last word."""
    if shell == "bash":
        command = ["bash", "-c", BASH, "bash", *words]
    else:
        line = " ".join(words)
        command = ["fish", "--no-config", "-c", f"source script; complete -C '{line}'"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {line.split("\t")[0].rstrip("/") for line in result.stdout.splitlines()}


@pytest.mark.parametrize("script", ["bash", "fish"], indirect=True)
def test_verbs_options_choices_and_files(script):
    assert complete(script, "stc", "enc") == {"encode", "encode-shards"}
    assert complete(script, "stc", "-q", "dec") == {"decode"}
    assert complete(script, "stc", "protect", "key") == {"keygen"}
    assert complete(script, "stc", "encode", "--eff") == {"--effort"}
    assert complete(script, "stc", "encode", "--align", "al") == {"always"}
    assert complete(script, "stc", "completion", "f") == {"fish"}
    assert complete(script, "stc", "encode", "pho") == {"photo.jpg", "photos"}
    assert complete(script, "stc", "encode-shards", "-o", "pho") == {"photos"}
    assert complete(script, "stc", "decode", "--model", "stc-o") == {DEFAULT}
    assert complete(script, "stc", "decode", "--model", "pho") == {"photo.jpg", "photos"}


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_takes_the_script(script):
    program = 'autoload -Uz compinit; compinit -u -D; eval "$(cat script)"; print $_comps[stc]'
    result = subprocess.run(
        ["zsh", "-f", "-c", program],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (result.stdout.strip(), result.stderr) == ("_shtab_stc", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_is_in_every_script(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for parser in expand(build_parser()):
        assert parser.prog.split()[-1] in script


def test_every_file_that_an_option_takes_is_completed():
    known = FILES | {FOLDER, MODEL}
    for parser in expand(build_parser()):
        for action in parser._actions:
            if action.dest in ("inputs", "output", "model") and action.type is not Path:
                assert action.metavar in known, (parser.prog, action.dest)


def test_a_shell_that_there_is_not(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "tcsh"])
    assert "bash" in capsys.readouterr().err


def test_every_verb_has_an_example():
    for parser in expand(build_parser()):
        command = "stc" if parser.prog == "stc" else f"{parser.prog} "
        assert f"\n  {command}" in parser.epilog, parser.prog
