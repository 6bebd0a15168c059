"""The .stc format and its entropy coder, as specified in conformance/format.md.

The package needs neither a model nor a picture. The functions that read headers are imported at
once; the others import numpy on first use, and encoding imports constriction if it is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.bitstream.header import (
    MAX_BYTES,
    MEDIA_TYPE,
    Header,
    has_header,
    overhead,
    parse_header,
)
from stc.bitstream.plain import decode_symbols
from stc.lazy import lazily

if TYPE_CHECKING:
    from stc.bitstream.coder import decode_payload, encode_payload
    from stc.bitstream.container import longest_prefix, pack, unpack
    from stc.bitstream.identity import fingerprint
    from stc.bitstream.tables import Tables

__all__ = [
    "MAX_BYTES",
    "MEDIA_TYPE",
    "Header",
    "Tables",
    "decode_payload",
    "decode_symbols",
    "encode_payload",
    "fingerprint",
    "has_header",
    "longest_prefix",
    "overhead",
    "pack",
    "parse_header",
    "unpack",
]

_HOMES = {
    "Tables": "tables",
    "decode_payload": "coder",
    "encode_payload": "coder",
    "fingerprint": "identity",
    "longest_prefix": "container",
    "pack": "container",
    "unpack": "container",
}

__getattr__ = lazily(__name__, _HOMES)
