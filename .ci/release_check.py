"""Is everything that states the version of one mind? python .ci/release_check.py v1.2.3

Compares the tag with stc/version.py, CHANGELOG.md and CITATION.cff, and says what differs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problems(tag: str, texts: dict[str, str]) -> list[str]:
    """What keeps a tag from being released, by the texts of the files; empty if nothing does."""
    stated = _only(r'^__version__ = "(.+)"$', texts["stc/version.py"])
    found = []
    if tag != f"v{stated}":
        found.append(f"the tag is {tag}, the version in stc/version.py {stated}")
    latest = re.search(r"^## (\S+) \((.+)\)$", texts["CHANGELOG.md"], re.MULTILINE)
    name, date = latest.groups() if latest else (None, "")
    if name != stated:
        found.append(f"CHANGELOG.md begins with {name}, and not with {stated}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        found.append(f"CHANGELOG.md has no date for {name}: {date}")
    cited = _only(r"^version: (.+)$", texts["CITATION.cff"])
    if cited != stated:
        found.append(f"CITATION.cff is of version {cited}")
    released = _only(r"^date-released: (.+)$", texts["CITATION.cff"])
    if released != date:
        found.append(f"CITATION.cff was released {released or 'never'}, CHANGELOG.md has {date}")
    return found


def _only(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else None


def main() -> int:
    files = ("stc/version.py", "CHANGELOG.md", "CITATION.cff")
    found = problems(sys.argv[1], {name: (ROOT / name).read_text("utf-8") for name in files})
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
