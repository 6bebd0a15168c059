"""Dead links of a built site, and what it loads from other servers.

    python .ci/site_links.py FOLDER

Checks every href and src of every page: the file is there, and has the anchor. MkDocs checks the
links of Markdown alone, not those of docstrings, raw HTML and themes.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements whose address a browser loads by itself, when it shows the page.
LOADED = {"audio", "iframe", "img", "script", "source", "video"}
LOADED_RELATIONS = {"icon", "modulepreload", "preload", "stylesheet"}
# Made by `mike deploy`, one folder above this one.
ELSEWHERE = {"../versions.json"}


class Page(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        target = found.get("href", found.get("src"))
        if target is None:
            return
        relations = set(found.get("rel", "").split())
        if tag in LOADED or (tag == "link" and relations & LOADED_RELATIONS):
            self.loaded.append(target)
        if tag != "link" or "canonical" not in relations:
            self.links.append(target)


def problems(folder: Path) -> list[str]:
    """One line for every dead link, and for every address that a page loads from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name}: loads {target}" for target in page.loaded if urlsplit(target).netloc]
        if path.name == "404.html":  # its links begin at the root of the server
            continue
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or target in ELSEWHERE:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if goal.is_dir():
                goal /= "index.html"
            if not goal.is_file():
                found.append(f"{name}: no file {target}")
            elif goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
                found.append(f"{name}: no anchor {target}")
    return sorted(set(found))


def main() -> int:
    found = problems(Path(sys.argv[1]).resolve())
    print(*found, sep="\n", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
