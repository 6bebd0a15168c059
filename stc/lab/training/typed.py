"""Converts TOML tables to dataclasses, with checks of all keys and types."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar, cast

from stc.errors import StcError

T = TypeVar("T")


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Convert a table to the dataclass `kind`; where: the start of error messages.

    Raises StcError for unknown or missing keys, wrong types and values that `kind` rejects.
    """
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(cast(Any, kind)) if f.init}
    join = ": " if where.count(":") == 0 else "."
    for key in values:
        if key not in known:
            raise StcError(f"{where}{join}{key}: no such key; there are {', '.join(known)}")
    for key, own in known.items():
        optional = own.default is not dataclasses.MISSING
        optional = optional or own.default_factory is not dataclasses.MISSING
        if key not in values and not optional:
            raise StcError(f"{where}{join}{key}: missing")
    given = {k: convert(hints[k], value, f"{where}{join}{k}") for k, value in values.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise StcError(f"{where}: {error}") from error


def convert(hint: Any, value: Any, where: str) -> Any:
    """Convert a TOML value to the type of a field's annotation; where: as in `build`.

    Raises StcError if the value has another type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(cast("type[Any]", hint), value, where)
    if origin in (typing.Union, types.UnionType):
        (own,) = (option for option in options if option is not type(None))
        return convert(own, value, where)
    if origin is Literal and value in options:
        return value
    if isinstance(hint, type) and issubclass(hint, tuple) and isinstance(value, list):
        inner = typing.get_type_hints(hint).values()  # of a NamedTuple
        if len(inner) == len(value):
            return hint(*(convert(h, v, where) for h, v in zip(inner, value, strict=True)))
    if origin is tuple and isinstance(value, list):
        endless = len(options) == 2 and options[1] is Ellipsis
        kinds = options[:1] * len(value) if endless else options
        if len(kinds) == len(value):
            parts = zip(kinds, value, strict=True)
            return tuple(convert(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(parts))
    if hint is float and type(value) is int:
        return float(value)
    if hint in (int, float, str, bool) and type(value) is hint:
        return value
    wanted = " or ".join(map(repr, options)) if origin is Literal else _name(hint)
    raise StcError(f"{where}: must be {wanted}, not {value!r}")


def _name(hint: Any) -> str:
    return "a table" if dataclasses.is_dataclass(hint) else getattr(hint, "__name__", str(hint))
