"""Hook of mkdocs.yml: pages of the repository that are outside docs/, and links to them.

Pages keep the links that work in the repository. A page `docs/NAME` is at `NAME` in the site,
README.md is its start page, and any other file has the path that it has in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "conformance/README.md",
    "conformance/format.md",
    "conformance/model-file.md",
    "conformance/results.md",
    "stc/codec/weights/README.md",
    "stc/imaging/weights/README.md",
    "stc/protection/weights/README.md",
    "web/decoder/README.md",
    "web/page/README.md",
)

# A link, and the target alone of a link or an image: [text](target), ![text](target).
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#]+)\)")
_TARGET = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
# An array's shape, such as [rows][columns], which Markdown takes for a reference.
_SHAPE = re.compile(r"(?<=\w)\]\[(?=\w)")
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def site_path(repository_path: str) -> str:
    """The path in the site of a file of the repository."""
    if repository_path == "README.md":
        return "index.md"
    return repository_path.removeprefix("docs/")


def repository_path(site_path: str) -> str:
    """The path in the repository of a page of the site."""
    if site_path == "index.md":
        return "README.md"
    return site_path if site_path in PAGES else f"docs/{site_path}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are outside docs/."""
    for path in PAGES:
        files.append(File.generated(config, site_path(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links of the site.

    A linked file that is no page, such as an example or a licence, is copied into the site. Of a
    link to a folder only the text is kept.
    """
    here = repository_path(page.file.src_uri)
    folder = posixpath.dirname(site_path(here)) or "."

    def in_repository(target: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(here), target))

    def without_folder(found: re.Match[str]) -> str:
        return found[1] if (ROOT / in_repository(found[2])).is_dir() else found[0]

    def in_site(found: re.Match[str]) -> str:
        target, _, anchor = found[1].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return found[1]
        path = in_repository(target)
        goal = site_path(path)
        if files.get_file_from_path(goal) is None and (ROOT / path).is_file():
            files.append(File.generated(config, goal, abs_src_path=str(ROOT / path)))
        return posixpath.relpath(goal, folder) + (f"#{anchor}" if anchor else "")

    def prose(text: str) -> str:
        return _TARGET.sub(in_site, _SHAPE.sub(r"]\\[", text))

    markdown = _LINK.sub(without_folder, markdown)
    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [prose(markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, prose(markdown[end:])])
