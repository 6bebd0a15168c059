"""Renewing: a new record in place of one that, or whose key, should no longer be trusted."""

from __future__ import annotations

from dataclasses import replace

from stc.errors import TemplateError, WrongKeyError
from stc.protection.enrolment import protect
from stc.protection.key import Key
from stc.protection.matching import made_with
from stc.protection.record import ProtectedTemplate
from stc.protection.stream import check_generation, tag_of
from stc.protection.template import GroupedTemplate


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
    parameters = record.parameters
    expected = (parameters.groups, parameters.size), parameters.maker
    if (template.shape, template.maker) != expected:
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


def is_renewal(made: ProtectedTemplate, record: ProtectedTemplate, key: Key) -> bool:
    """Whether a record is what renewing another gave: the next generation of its id, of the same
    parameters, made with `key`, which is the new key if there was one."""
    return (
        (made.name, made.parameters) == (record.name, record.parameters)
        and made.generation == record.generation + 1
        and bool(made_with(key, [made])[0])
    )


def previous_tag(record: ProtectedTemplate, key: Key) -> bytes:
    """The tag of the record that this one renewed, if it was made with `key`.

    Raises TemplateError for a record of generation 0, which renewed none.
    """
    check_generation(record.generation - 1)
    return tag_of(key, record.parameters, record.name, record.generation - 1)
