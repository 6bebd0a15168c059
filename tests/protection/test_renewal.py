"""Renewal and revocation."""

import numpy as np
import pytest

from stc.errors import CorruptError, RevokedError, TemplateError, WrongKeyError
from stc.protection import Key, Revocations, match, match_many, protect, renew, revoke
from tests.protection.conftest import random_template


def test_a_renewed_record_replaces_the_old(template, key):
    old = protect(template, key, "a", 0.8, 0.25)
    new = renew(template, old, key)
    assert (new.record_id, new.generation, new.alpha, new.drop) == ("a", 1, 0.8, 0.25)
    assert abs((old.features * new.features).sum(1).mean()) < 0.2
    revoked = revoke(old)
    assert match(template, new, key, revoked=revoked) == pytest.approx(1, abs=1e-5)
    with pytest.raises(RevokedError, match="'a' was revoked"):
        match(template, old, key, revoked=revoked)
    scores = match_many(template, [old, new], key, revoked=revoked)
    assert scores == pytest.approx(np.array([-1, 1]), abs=1e-5)


def test_a_new_key_begins_anew(template, key):
    old, other = renew(template, protect(template, key, "a"), key), Key.generate()
    new = renew(template, old, key, other)
    assert new.generation == 0
    assert match(template, new, other) == pytest.approx(1, abs=1e-5)
    with pytest.raises(WrongKeyError):
        match(template, new, key)
    with pytest.raises(WrongKeyError):
        renew(template, old, other)


def test_limits(template, key):
    last = protect(template, key, "a", generation=65535)
    with pytest.raises(TemplateError):
        renew(template, last, key)
    with pytest.raises(TemplateError):
        renew(random_template(groups=4), last, key)


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
