"""The list of revoked records."""

from __future__ import annotations

from collections.abc import Iterable

from stc.errors import CorruptError, RevokedError
from stc.protection.record import ProtectedTemplate
from stc.protection.stream import TAG


class Revocations:
    """The tags of records that must no longer match. The list is public, like the records."""

    def __init__(self, tags: Iterable[bytes] = ()) -> None:
        self._tags = frozenset(tags)

    def __contains__(self, tag: object) -> bool:
        return tag in self._tags

    def __len__(self) -> int:
        return len(self._tags)

    def check(self, record: ProtectedTemplate) -> None:
        """Raise RevokedError if the record was revoked."""
        if record.tag in self:
            raise RevokedError(f"record {record.label} was revoked")

    def to_text(self) -> str:
        """One tag in hex per line, sorted."""
        return "".join(f"{tag.hex()}\n" for tag in sorted(self._tags))

    @classmethod
    def from_text(cls, text: str) -> Revocations:
        """The inverse of `to_text`. Raises CorruptError unless every word has 16 hex digits."""
        try:
            tags = [bytes.fromhex(line) for line in text.split()]
        except ValueError:
            tags = [b""]
        if any(len(tag) != TAG for tag in tags):
            raise CorruptError(f"a list of revoked records must have {2 * TAG} hex digits a line")
        return cls(tags)


def revoke(record: ProtectedTemplate, revoked: Revocations | None = None) -> Revocations:
    """A list of revoked records with this one added to `revoked`, which is not changed."""
    known = Revocations() if revoked is None else revoked
    return known if record.tag in known else Revocations([*known._tags, record.tag])
