"""The licence of every file, as REUSE.toml states it, and the weights that a wheel holds."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
ENDINGS = (".onnx", ".safetensors")


def weights() -> list[Path]:
    """Every file of weights in the package, relative to the repository."""
    found = (path for path in (ROOT / "stc").rglob("*") if path.suffix in ENDINGS)
    return sorted(path.relative_to(ROOT) for path in found)


def terms_of(path: Path) -> dict[str, str]:
    """The entry of REUSE.toml that counts for a file: the last that matches it."""
    entries = tomllib.loads((ROOT / "REUSE.toml").read_text(encoding="utf-8"))["annotations"]
    matching = [entry for entry in entries if _matches(path.as_posix(), entry["path"])]
    if not matching:
        raise LookupError(f"REUSE.toml has no licence for {path}")
    return matching[-1]


def _matches(path: str, patterns: str | list[str]) -> bool:
    """`*` stands for anything but a slash, `**` for anything."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    wild = {"**": ".*", "*": "[^/]*"}
    for pattern in patterns:
        parts = re.split(r"(\*\*|\*)", pattern)
        if re.fullmatch("".join(wild.get(part, re.escape(part)) for part in parts), path):
            return True
    return False
