"""Running the examples of a page as a reader would: blocks in order, in a folder with a photograph.

Every ```sh and ```python block is run unless `<!-- not run: why -->` stands above it. `stc` runs in
this process, which has torch already; what installs or tests is left out.
"""

import re
import runpy
import shlex
import sys
from glob import glob
from pathlib import Path

from stc.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "conformance").glob("*.md")),
)

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark><!-- not run: .+ -->\n *)?```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_LEFT_OUT = ("pip", "pytest")


def blocks(page):
    """Language and text of every block of a page that is to be run, and its line."""
    content = page.read_text()
    for found in _FENCE.finditer(content):
        if found["language"] in ("sh", "python") and not found["mark"]:
            lines = found["text"].splitlines(keepends=True)
            text = "".join(line.removeprefix(found["indent"]) for line in lines)
            yield found["language"], text, content[: found.start()].count("\n") + 1


def run(page, names):
    """Run a page in the current folder; names are what its Python may take for granted."""
    for language, text, line in blocks(page):
        place = f"{page.name}:{line}"
        if language == "python":
            # Lines of the page, so that a traceback points into it.
            exec(compile("\n" * line + text, str(page), "exec"), names)  # noqa: S102 - our own
        else:
            for command in commands(text):
                assert execute(command) == 0, f"{place}: {shlex.join(command)}"


def commands(text):
    """The words of every command of a block."""
    for line in text.replace("\\\n", " ").splitlines():
        command = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                command.append(word)
            elif command and command[0] not in _LEFT_OUT:
                yield command
                command = []
            else:
                command = []


def execute(command):
    """Run one command and return its exit code."""
    name, *words = command
    words = [found for word in words for found in (sorted(glob(word)) or [word])]
    if name == "stc":
        try:
            return main(words)
        except SystemExit as left:  # --version and --help
            return left.code or 0
    assert name == "python", f"a page may run stc and python, not {name}"
    before = sys.argv
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as left:
        return left.code or 0
    finally:
        sys.argv = before
    return 0
