"""Face templates that can be matched but not read: SlerpFace (arXiv 2407.03043) with a secret key.

    from stc.protection import GroupedTemplate, Key, match, protect

    key = Key.generate()
    record = protect(GroupedTemplate(features, weights), key, "alice/1")
    match(GroupedTemplate(others, their_weights), record, key)  # in [-1, 1]

Needs nothing of the codec, and the codec nothing of it. docs/protection.md says what is promised.
"""

from stc.protection.enrolment import protect, protect_many
from stc.protection.gallery import Gallery
from stc.protection.key import Key
from stc.protection.matching import made_with, match, match_many, match_pairs
from stc.protection.record import ProtectedTemplate
from stc.protection.renewal import Revocations, renew, revoke
from stc.protection.template import GroupedTemplate

__all__ = [
    "Gallery",
    "GroupedTemplate",
    "Key",
    "ProtectedTemplate",
    "Revocations",
    "made_with",
    "match",
    "match_many",
    "match_pairs",
    "protect",
    "protect_many",
    "renew",
    "revoke",
]
