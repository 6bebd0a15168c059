"""Renewing and revoking: what to do when a record, or a key, should no longer be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stc.errors import CorruptError, RevokedError, TemplateError, WrongKeyError
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
            raise RevokedError(f"record {record.label} was revoked")

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

    It is of the next generation, with a new key too, so that going back to a key never makes a
    record twice. But for the id nothing links it to the old one. The old record still matches
    until it is revoked or its key destroyed; never renew one twice, as both would share noise.
    Raises WrongKeyError if `key` is not the old record's, TemplateError after 65,536 generations
    or if the template is of another shape or maker than the record.
    """
    from stc.protection.enrolment import protect
    from stc.protection.matching import made_with

    parameters = record.parameters
    wanted = (parameters.groups, parameters.size), parameters.maker
    if (template.shape, template.maker) != wanted:
        raise TemplateError("the fresh template is of another shape or maker than the record")
    if not made_with(key, [record])[0]:  # only its holder may replace a record
        raise WrongKeyError(f"record {record.label} was not made with this key")
    made = protect(
        template,
        key if new_key is None else new_key,
        record.record_id,
        record.alpha,
        record.drop,
        generation=record.generation + 1,
    )
    return replace(made, bits=record.bits)
