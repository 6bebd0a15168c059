"""The secret key of 32 bytes, and its file, which only its owner can read."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import NoReturn

from stc.errors import KeyFileError, TemplateError
from stc.protection.new_file import write_new

BYTES = 32
_KIND = b"STC protection key "
_HEAD = _KIND + b"1\n"  # with the version of the format
_CHECK = 4  # bytes of SHA-256, to detect typing errors
_MAX_FILE = len(_HEAD) + 2 * (BYTES + _CHECK) + 16  # bytes; 16 for line ends that editors add


class Key:
    """A secret key of 32 bytes. It cannot be printed or pickled; comparison takes constant time.

    Raises TemplateError for any other length.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != BYTES:
            raise TemplateError(f"a key has {BYTES} bytes, this has {len(secret)}")
        self._secret = bytes(secret)

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's randomness."""
        return cls(secrets.token_bytes(BYTES))

    @classmethod
    def load(cls, path: Path) -> Key:
        """Read a key file.

        Raises KeyFileError if it is damaged, not a key file, or accessible to other users; OSError
        if it cannot be read.
        """
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & (
                stat.S_IRWXG | stat.S_IRWXO
            ):
                raise KeyFileError(f"{path} is accessible to other users: run chmod 600 on it")
            data = file.read(_MAX_FILE + 1)
        if not data.startswith(_KIND):
            raise KeyFileError(f"{path} is not an STC protection key")
        if not data.startswith(_HEAD):
            version = data[len(_KIND) :].split(b"\n")[0][:9].decode("ascii", "replace")
            raise KeyFileError(
                f"{path}: version {version} is unknown: this release reads version 1 of key files"
            )
        try:
            raw = bytes.fromhex(data[len(_HEAD) :].decode("ascii").strip())
        except ValueError:
            raise KeyFileError(f"{path}: the key is damaged") from None
        secret, check = raw[:BYTES], raw[BYTES:]
        sound = len(data) <= _MAX_FILE and len(secret) == BYTES
        if not sound or not hmac.compare_digest(_check(secret), check):
            raise KeyFileError(f"{path}: the key is damaged")
        return cls(secret)

    def save(self, path: Path) -> None:
        """Write a new file of mode 0600, which appears under its name only when complete.

        Raises KeyFileError if the file exists, OSError if it cannot be written.
        """
        text = _HEAD + (self._secret + _check(self._secret)).hex().encode() + b"\n"
        try:
            write_new(path, text)
        except FileExistsError:
            raise KeyFileError(f"{path} exists already: a key is never overwritten") from None

    def stream(self, context: bytes, length: int) -> bytes:
        """`length` pseudo-random bytes for a public context.

        Computed as SHAKE-256 (FIPS 202) of key and context, concatenated. A sponge with a secret
        prefix is a pseudo-random function, so the streams of different contexts are independent.
        """
        return hashlib.shake_256(self._secret + context).digest(length)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and hmac.compare_digest(self._secret, other._secret)

    def __hash__(self) -> NoReturn:
        raise TypeError("a key cannot be hashed: the hash would reveal information about it")

    def __repr__(self) -> str:
        return "Key(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled: use save and load")


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(_HEAD + secret).digest()[:_CHECK]
