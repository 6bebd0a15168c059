"""Face templates that a secret key can match but nobody can read: SlerpFace (arXiv 2407.03043).

    from stc.protection import GroupedTemplate, Key, match, protect

    key = Key.generate()
    record = protect(GroupedTemplate(features, weights), key, "alice/1")
    match(GroupedTemplate(others, their_weights), record, key)  # in [-1, 1]

Needs only numpy. This package and the codec do not depend on each other. `extractors` computes
templates of faces with a recognition model. docs/protection-security.md states the guarantees.
"""

from stc.protection.enrolment import protect, protect_many
from stc.protection.gallery import Gallery
from stc.protection.index import RecordIndex, write_index
from stc.protection.key import Key
from stc.protection.matching import made_with, match, match_many, match_pairs
from stc.protection.record import ProtectedTemplate, read_records
from stc.protection.renewal import is_renewal, previous_tag, renew
from stc.protection.revocation import Revocations, revoke
from stc.protection.template import GroupedTemplate

__all__ = [
    "Gallery",
    "GroupedTemplate",
    "Key",
    "ProtectedTemplate",
    "RecordIndex",
    "Revocations",
    "is_renewal",
    "made_with",
    "match",
    "match_many",
    "match_pairs",
    "previous_tag",
    "protect",
    "protect_many",
    "read_records",
    "renew",
    "revoke",
    "write_index",
]
