"""Indexes of many records, as `stc protect match` finds them among its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.cli.files import is_device
from stc.errors import FormatError, TemplateError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, Key, ProtectedTemplate, Revocations


def is_index(name: str) -> bool:
    """Whether a file begins as an index does. Raises OSError."""
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
    """The best candidates of an index and their exact scores.

    Raises FormatError, WrongKeyError, TemplateError, OSError.
    """
    from stc.protection import RecordIndex

    with open(name, "rb") as file:
        try:
            return RecordIndex(file, key).search(query, candidates, revoked=revoked)
        except (FormatError, TemplateError) as error:
            raise type(error)(f"{name}: {error}") from error
