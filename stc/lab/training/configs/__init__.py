"""The shipped configurations: TOML files, found by name.

A file with `extends = "NAME"` contains only the differences to that file. Files whose names begin
with an underscore are common parts that others extend, and are not runs themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stc.errors import StcError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
SUFFIX = ".toml"


def shipped() -> list[str]:
    """The names of all shipped configurations, such as "ablation/64-global", sorted."""
    files = [path for path in FOLDER.rglob(f"*{SUFFIX}") if not path.name.startswith("_")]
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in files)


def read(name: str) -> dict[str, Any]:
    """The nested tables of a shipped configuration, or of a TOML file, with what it extends.

    Raises StcError if there is no such configuration, it is not TOML, or it extends itself.
    """
    path = Path(name)
    if path.suffix != SUFFIX:
        path = FOLDER / f"{name}{SUFFIX}"
        if name not in shipped():
            raise StcError(
                f"no configuration {name!r}: `stc train --list` shows them; a file ends in {SUFFIX}"
            )
    return _read(path, ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        raise StcError(f"{path}: extends itself")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StcError(f"{path}: no such configuration") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StcError(f"{path}: {error}") from error
    parent = values.pop("extends", None)
    if parent is None:
        return values
    near = path.parent / f"{parent}{SUFFIX}"
    base = near if near.exists() else FOLDER / f"{parent}{SUFFIX}"
    return merge(_read(base, (*above, path)), values)


def merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A copy of `base` with the values of `own`: tables are merged, other values are replaced."""
    joined = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = merge(joined[key], value) if both else value
    return joined


def change(text: str) -> dict[str, Any]:
    """Parse KEY=VALUE: `decoder.rate=1e-4` -> {"decoder": {"rate": 1e-4}}.

    A value that is not TOML is a string. Raises StcError if key or value is missing.
    """
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise StcError(f"{text!r} does not change a configuration: write KEY=VALUE")
    try:
        held = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        held = value
    for part in reversed(key.split(".")):
        held = {part: held}
    return held  # type: ignore[no-any-return]
