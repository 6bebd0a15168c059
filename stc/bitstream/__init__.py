"""The .stc format and its entropy coder; see docs/format.md. Knows neither torch nor pictures."""

from stc.bitstream.coder import decode_payload, encode_payload
from stc.bitstream.container import Header, longest_prefix, pack, parse_header, unpack
from stc.bitstream.fingerprint import fingerprint
from stc.bitstream.tables import Tables

__all__ = [
    "Header",
    "Tables",
    "decode_payload",
    "encode_payload",
    "fingerprint",
    "longest_prefix",
    "pack",
    "parse_header",
    "unpack",
]
