"""Lists of revoked records as text."""

from __future__ import annotations

from typing import Any

from fuzz.target import Target
from stc.errors import CorruptError
from stc.protection import Revocations


def answer(data: bytes) -> Any:
    """The list written as text, which must be the same after it is read again."""
    revoked = Revocations.from_text(data.decode("utf-8", "replace"))
    text = revoked.to_text()
    assert Revocations.from_text(text).to_text() == text  # noqa: S101
    return text, len(revoked)


def seeds() -> dict[str, bytes]:
    """No record, one, two, and a line that is too short."""
    return {
        "empty": b"",
        "one": b"0011223344556677\n",
        "two": b"0011223344556677\nFFEEDDCCBBAA9988\r\n",
        "short": b"00\n",
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(CorruptError,),
    parsers=("stc.protection.revocation",),
    max_len=160,
)
