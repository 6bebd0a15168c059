"""Renewal and revocation."""

import numpy as np
import pytest

from stc.errors import CorruptError, RevokedError, TemplateError, WrongKeyError
from stc.protection import (
    Gallery,
    GroupedTemplate,
    Key,
    ProtectedTemplate,
    Revocations,
    is_renewal,
    made_with,
    match,
    match_many,
    previous_tag,
    protect,
    renew,
    revoke,
)
from tests.protection.conftest import random_template


def test_a_renewed_record_replaces_the_old(template, key):
    old = protect(template, key, "a", 0.8, 0.25)
    new = renew(template, old, key)
    assert (new.record_id, new.generation, new.alpha, new.drop) == ("a", 1, 0.8, 0.25)
    assert abs((old.features * new.features).sum(1).mean()) < 0.2
    revoked = revoke(old)
    assert match(template, new, key, revoked=revoked) == pytest.approx(1, abs=1e-5)
    with pytest.raises(RevokedError, match="record a was revoked"):
        match(template, old, key, revoked=revoked)
    scores = match_many(template, [old, new], key, revoked=revoked)
    assert scores == pytest.approx(np.array([-1, 1]), abs=1e-5)


def test_no_record_comes_twice_when_a_key_comes_back(template, key):
    old, other = renew(template, protect(template, key, "a"), key), Key.generate()
    new = renew(template, old, key, other)
    assert new.generation == 2
    back = renew(template, new, other, key)
    assert back.tag not in {protect(template, key, "a", generation=n).tag for n in range(3)}
    assert match(template, new, other) == pytest.approx(1, abs=1e-5)
    with pytest.raises(WrongKeyError):
        match(template, new, key)
    with pytest.raises(WrongKeyError):
        renew(template, old, other)


def test_what_a_renewal_gave_is_known(template, key):
    """The check after an interruption needs only the record and the key."""
    other = Key(b"o" * 32)
    old = protect(template, key, "a")
    new, moved = renew(template, old, key), renew(template, old, key, other)
    assert is_renewal(new, old, key)
    assert is_renewal(moved, old, other)
    assert previous_tag(new, key) == previous_tag(moved, key) == old.tag
    for made, before, by in (
        (old, old, key),
        (new, old, other),
        (moved, old, key),
        (new, protect(template, key, "b"), key),
        (new, protect(template, key, "a", 0.8), key),
        (renew(template, new, key), old, key),
    ):
        assert not is_renewal(made, before, by)
    with pytest.raises(TemplateError, match="generations are 0 to 65535, not -1"):
        previous_tag(old, key)


def test_limits(template, key):
    last = protect(template, key, "a", generation=65535)
    with pytest.raises(TemplateError):
        renew(template, last, key)
    with pytest.raises(TemplateError):
        renew(random_template(groups=4), last, key)


def test_bits_stay(template, key):
    old = ProtectedTemplate.from_bytes(protect(template, key, "a").to_bytes(4))
    new = renew(template, old, key)
    assert len(new.to_bytes()) == len(old.to_bytes())


def test_a_revoked_record_of_another_key_stops_nobody(template, key):
    old = protect(template, key, "a")
    new = renew(template, old, key, other := Key.generate())
    assert made_with(other, [old, new]).tolist() == [False, True]
    with pytest.raises(WrongKeyError, match="record a was not"):
        match_many(template, [old, new], other)
    for records in ([old, new], Gallery.of([old, new])):
        scores = match_many(template, records, other, revoked=revoke(old))
        assert scores == pytest.approx(np.array([-1, 1]), abs=1e-5)


def test_two_makers_are_not_compared(template, key):
    record = protect(template, key, "a")
    other = GroupedTemplate(template.features, template.weights, b"else")
    with pytest.raises(TemplateError, match="different recognisers"):
        match(other, record, key)
    with pytest.raises(TemplateError, match="maker"):
        renew(other, record, key)
    assert protect(other, key, "a").tag != record.tag


def test_the_list_survives_its_text(template, key):
    one = protect(template, key, "a")
    revoked = revoke(protect(template, key, "b"), revoke(one))
    assert len(revoked) == len(revoke(one, revoked)) == 2
    back = Revocations.from_text(revoked.to_text())
    assert one.tag in back
    assert len(back) == 2
    for bad in ("xyz", "00"):
        with pytest.raises(CorruptError):
            Revocations.from_text(bad)
