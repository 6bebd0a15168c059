"""A face in a signed identity claim (CBOR claim 169, COSE) <-> a QR code.

    pip install ".[claim169]"
    python examples/claim169.py photo.jpg -o card.png

The format is MOSIP's (docs.mosip.io, "169 - QR Code Specification" 1.2): claims -> CBOR Web Token,
signed with Ed25519 -> zlib -> Base45 -> QR code. The face is biometric 62, an image (format 0) with
a sub-format from 100 to 200, the range of vendors: issuer and reader agree on the number and on the
name of the vendor. This example makes a key and discards it; an issuer keeps its key.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import cbor2
import segno
from base45 import b45decode, b45encode
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSEKey
from cwt import decode as open_token
from cwt import encode as sign_token

import stc
from stc.carriers import qr
from stc.errors import StcError
from stc.imaging import marking

# Keys of the token (RFC 8392) and of claim 169.
ISSUER, EXPIRES, NOT_BEFORE, ISSUED = 1, 4, 5, 6
IDENTITY = 169
ID, FULL_NAME, BIRTH, FACE = 1, 4, 8, 62
DATA, FORMAT, SUB_FORMAT, VENDOR = 0, 1, 2, 3

IMAGE = 0
STC = 100  # sub-format from the vendors' range; `VENDOR` names whose 100 it is
NAME = "STC"

CWT_TAG, SIGN1_TAG = 61, 18
MAX_CLAIMS = 1 << 14  # bytes after decompression; valid claims in a QR code are shorter
YEAR = 365 * 24 * 3600

SAMPLE_FACE = 484  # bytes of the face in the specification's example, a 64x64 WebP


def new_keys() -> tuple[Any, Any]:
    """Make an Ed25519 key pair -> the private key, which signs, and the public, which verifies."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return COSEKey.from_pem(secret, kid="1"), COSEKey.from_pem(public, kid="1")


def claims(face: bytes, sub_format: int = STC, vendor: str = NAME) -> dict[int, Any]:
    """The claims of a sample card with the .stc file `face`, by their keys."""
    now = int(time.time())
    biometric = {DATA: face, FORMAT: IMAGE, SUB_FORMAT: sub_format, VENDOR: vendor}
    return {
        ISSUER: "https://id.example",
        EXPIRES: now + 10 * YEAR,
        NOT_BEFORE: now,
        ISSUED: now,
        IDENTITY: {ID: "3918592438", FULL_NAME: "Jane Doe", BIRTH: "19880102", FACE: [biometric]},
    }


def to_text(token: dict[int, Any], private: Any) -> str:
    """Sign, compress and encode claims -> the Base45 text of the QR code."""
    signed = sign_token(token, private, tagged=True)
    return str(b45encode(zlib.compress(signed, 9)), "ascii")


def from_text(text: bytes, public: Any) -> dict[int, Any]:
    """Decode and verify the Base45 text of a QR code -> the claims.

    Raises ValueError if it is not a signed token, cwt.VerifyError for another signer or if the
    dates are not valid.
    """
    unpacker = zlib.decompressobj()
    try:
        signed = unpacker.decompress(b45decode(text), MAX_CLAIMS)
    except zlib.error as error:
        raise ValueError(f"the text is not compressed claims: {error}") from error
    if not unpacker.eof:
        raise ValueError(f"the claims are truncated, or longer than {MAX_CLAIMS} bytes")
    # The library also accepts claims without a signature.
    outer = cbor2.loads(signed)
    inner = outer.value if isinstance(outer, cbor2.CBORTag) and outer.tag == CWT_TAG else outer
    if not isinstance(inner, cbor2.CBORTag) or inner.tag != SIGN1_TAG:
        raise ValueError("the claims are not signed (COSE_Sign1)")
    opened = open_token(signed, public)  # verifies the signature and the dates
    if not isinstance(opened, dict):
        raise ValueError("the token holds no claims")
    return dict(opened)


def face_of(token: dict[int, Any]) -> bytes:
    """The .stc file among the faces of a claim. Raises ValueError if there is none."""
    for face in token.get(IDENTITY, {}).get(FACE, []):
        if (face.get(FORMAT), face.get(SUB_FORMAT), face.get(VENDOR)) == (IMAGE, STC, NAME):
            return bytes(face[DATA])
    raise ValueError(f"the claim holds no face of sub-format {STC} by {NAME}")


def main(arguments: list[str] | None = None) -> int:
    """Write a card's QR code, print its size, and read it back -> the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo")
    parser.add_argument("-o", "--output", type=Path, default=Path("card.png"), help="QR code")
    parser.add_argument(
        "--face", type=Path, default=None, help="also write the decoded face of the card"
    )
    parser.add_argument("--max-bytes", type=int, default=192)
    options = parser.parse_args(arguments)

    private, public = new_keys()
    try:
        face = stc.encode(options.photo, max_bytes=options.max_bytes)
    except (StcError, OSError) as error:  # no face, several faces, no picture
        parser.exit(1, f"{parser.prog}: error: {error}\n")
    text = to_text(claims(face), private)
    code = segno.make_qr(text, error="M", mode="alphanumeric")
    code.save(str(options.output), scale=6, border=qr.QUIET)
    print(f"{options.output}: face of {len(face)} bytes, {len(text)} characters, {code.designator}")

    other = random.Random(0).randbytes(SAMPLE_FACE)  # noqa: S311 - not secret
    longer = to_text(claims(other, 4), private)
    size = segno.make_qr(longer, error="M", mode="alphanumeric").designator
    print(f"with a face of {len(other)} bytes, as in the sample: {len(longer)} characters, {size}")

    (read,) = qr.contents(options.output)
    found = from_text(read, public)
    back = face_of(found)
    print(f"read back: {found[IDENTITY][FULL_NAME]}, face unchanged: {back == face}")
    if options.face is not None:
        picture = stc.decode(back)
        options.face.write_bytes(marking.save(picture, "PNG", marking.note(len(back))))
    return 0 if back == face else 1


if __name__ == "__main__":
    sys.exit(main())
