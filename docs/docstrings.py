"""Extension of griffe: the plain docstrings of this package become Markdown in the API reference.

A line `name: what it is`, and the indented lines after it, becomes an item of a list. Lines that
begin with `>>>` become a block of code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_NAME = re.compile(r"^([a-z_][\w.]*(?:, [a-z_][\w.]*)*): (?=\S)")


def to_markdown(text: str) -> str:
    """A docstring with its parameters as a list and its examples as code."""
    lines: list[str] = []
    listing = code = False
    for line in text.splitlines():
        name = _NAME.match(line)
        listing = bool(name) or (listing and line.startswith(" "))
        if line.startswith(">>> ") != code:
            code = not code
            lines.append("```python" if code else "```")
        if name:
            if lines and lines[-1] and not lines[-1].startswith(("* ", "    ")):
                lines.append("")  # a list begins after an empty line
            line = f"* `{name[1]}`: {line[name.end() :]}"
        elif lines and lines[-1].startswith(("* ", "    ")) and line and not listing:
            lines.append("")
        lines.append(line.removeprefix(">>> ") if code else line)
    return "\n".join([*lines, "```"] if code else lines)


class PlainDocstrings(griffe.Extension):
    """Rewrites every docstring before it is rendered."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a class, a function or an attribute."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Rewrite the docstring of a module, which griffe reads after `on_object`."""
        self.on_object(obj=mod)
