"""Renewing and revoking: what to do when a record, or a key, should no longer be trusted."""

from __future__ import annotations

from collections.abc import Iterable

from stc.errors import CorruptError, RevokedError, TemplateError
from stc.protection.key import Key
from stc.protection.record import ProtectedTemplate
from stc.protection.stream import TAG
from stc.protection.template import GroupedTemplate


class Revocations:
    """Tags of records that must not match any more; public, as the records are."""

    def __init__(self, tags: Iterable[bytes] = ()) -> None:
        self._tags = frozenset(tags)

    def __contains__(self, tag: object) -> bool:
        return tag in self._tags

    def __len__(self) -> int:
        return len(self._tags)

    def check(self, record: ProtectedTemplate) -> None:
        """Raise RevokedError if the record was revoked."""
        if record.tag in self:
            raise RevokedError(f"record {record.record_id!r} was revoked")

    def to_text(self) -> str:
        """One tag a line, in hex."""
        return "".join(f"{tag.hex()}\n" for tag in sorted(self._tags))

    @classmethod
    def from_text(cls, text: str) -> Revocations:
        """The inverse of `to_text`. Raises CorruptError."""
        try:
            tags = [bytes.fromhex(line) for line in text.split()]
        except ValueError:
            tags = [b""]
        if any(len(tag) != TAG for tag in tags):
            raise CorruptError(f"a list of revoked records has {2 * TAG} hex digits a line")
        return cls(tags)


def revoke(record: ProtectedTemplate, revoked: Revocations | None = None) -> Revocations:
    """The list of revoked records with this one added."""
    known = Revocations() if revoked is None else revoked
    return known if record.tag in known else Revocations([*known._tags, record.tag])


def renew(
    template: GroupedTemplate,
    record: ProtectedTemplate,
    key: Key,
    new_key: Key | None = None,
) -> ProtectedTemplate:
    """A new record for the same id, from a fresh template: new noise, rotation and positions.

    With the same key it is of the next generation; with a new key of generation 0. Nothing links
    it to the old one. The old record still matches until it is revoked or its key destroyed.
    Raises WrongKeyError if `key` is not the old record's, TemplateError after 65,536 generations.
    """
    from stc.protection.enrolment import protect
    from stc.protection.matching import match

    if template.shape != (record.parameters.groups, record.parameters.size):
        raise TemplateError("the fresh template is of another shape than the record")
    match(template, record, key)  # for the key: only its holder may replace a record
    same = new_key is None or new_key == key
    return protect(
        template,
        key if new_key is None else new_key,
        record.record_id,
        record.alpha,
        record.drop,
        generation=record.generation + 1 if same else 0,
    )
