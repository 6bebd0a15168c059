"""Detecting and searching an index among the inputs of `stc protect match`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.cli.files import is_device
from stc.errors import FormatError, TemplateError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, Key, ProtectedTemplate, Revocations


def is_index(name: str) -> bool:
    """Whether a file begins with the magic bytes of an index. Raises OSError."""
    from stc.protection.index_file import MAGIC

    if is_device(name):
        return False
    with open(name, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def search_index(
    name: str,
    query: GroupedTemplate,
    key: Key,
    candidates: int,
    revoked: Revocations | None,
) -> list[tuple[float, ProtectedTemplate]]:
    """Search an index -> exact scores and records of its best `candidates`, without revoked ones.

    Raises FormatError, WrongKeyError, TemplateError, OSError.
    """
    from stc.protection import RecordIndex

    with open(name, "rb") as file:
        try:
            return RecordIndex(file, key).search(query, candidates, revoked=revoked)
        except (FormatError, TemplateError) as error:
            raise type(error)(f"{name}: {error}") from error
