"""Renewal: a new record that replaces one whose data or key may be compromised."""

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
    """A new record with the same id, from a fresh template: new noise, rotation and positions.

    key: of the old record. new_key: of the new record, `key` if None. The generation increases by
    one, also with a new key, so that returning to an earlier key never repeats a record. Only the
    id links both records. The old record still matches until it is revoked or its key destroyed.
    Never renew a record twice: both new records would share their noise.
    Raises WrongKeyError if `key` is not the old record's, TemplateError after generation 65,535 or
    if the template has another shape or maker than the record.
    """
    parameters = record.parameters
    expected = (parameters.groups, parameters.size), parameters.maker
    if (template.shape, template.maker) != expected:
        raise TemplateError("the fresh template is of another shape or maker than the record")
    if not made_with(key, [record])[0]:  # only the holder of its key may replace a record
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
    """Whether `made` is the renewal of `record`: same id and parameters, the next generation, and
    made with `key` (the new key, if the renewal changed it)."""
    return (
        (made.name, made.parameters) == (record.name, record.parameters)
        and made.generation == record.generation + 1
        and bool(made_with(key, [made])[0])
    )


def previous_tag(record: ProtectedTemplate, key: Key) -> bytes:
    """The tag of the record that `record` replaced, if that was made with `key`.

    Raises TemplateError for a record of generation 0, which replaced none.
    """
    check_generation(record.generation - 1)
    return tag_of(key, record.parameters, record.name, record.generation - 1)
