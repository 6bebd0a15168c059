"""Fuzzing the HTTP service from its openapi.json: python -m fuzz.service --examples N.

schemathesis makes requests that the description allows and requests that it forbids. Every response
must match the description and arrive within MAX_SECONDS, and none may be a server error. Bodies are
.stc files in all carriers and pictures, valid and damaged. No network is used.

Needs pip install '.[fuzz]'.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

import stc
from stc.bitstream import MEDIA_TYPE
from stc.carriers import ndef, qr, text
from stc.service import Limits, create_app

MAX_SECONDS = 5.0  # maximum time of a request
LIMITS = Limits(body=1 << 20, pixels=1 << 20, size=256, seconds=60)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]


def bodies(*valid: bytes) -> st.SearchStrategy[bytes]:
    """A strategy for bodies: valid files, files with bytes changed, removed or added, and noise."""

    def damage(file: bytes, place: int, count: int, put: bytes) -> bytes:
        place %= len(file) + 1
        return file[:place] + put + file[place + count :]

    whole = st.sampled_from(valid)
    damaged = st.builds(
        damage, whole, st.integers(0, 1 << 16), st.integers(0, 64), st.binary(max_size=16)
    )
    return whole | damaged | damaged | st.binary(max_size=300)


def register_bodies() -> None:
    """Register strategies for bodies of the described media types with schemathesis."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    canvas = Image.fromarray(noise).resize((128, 128))
    file = stc.encode(canvas, align="never", effort=0)
    letters = text.to_text(file)
    pictures = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"):
        buffer = io.BytesIO()
        canvas.save(buffer, kind)
        pictures.append(buffer.getvalue())
    answer = json.dumps({"base45": letters, "bytes": len(file), "quality": 0.9})
    code = qr.make(file).draw(scale=3)
    known: dict[str, tuple[bytes, ...]] = {
        MEDIA_TYPE: (file, ndef.message(file), ndef.memory(file, "ntag216")),
        "text/plain": (letters.encode(), letters.lower().encode() + b"\n"),
        "application/json": (answer.encode(),),
        "image/*": (*pictures, code),
    }
    for media, valid in known.items():
        schemathesis.openapi.media_type(media, bodies(*valid))


def fuzz(operation: Any, mode: GenerationMode, examples: int, number: int) -> Counter[int]:
    """Send requests of one operation -> the number of responses by status code.

    number: the seed. Raises the errors of failed checks, AssertionError for a slow response.
    """
    statuses: Counter[int] = Counter()

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), canvas=st.booleans())
    def send(case: Any, canvas: bool) -> None:
        if canvas and mode is GenerationMode.POSITIVE and operation.path == "/encode":
            # Random settings are rarely valid together, and noise rarely shows a face.
            form = case.query.get("form", "stc")
            case.query = {"align": "never", "effort": 0, "form": form}
        begin = time.monotonic()
        response = case.call()
        took = time.monotonic() - begin
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        if took > MAX_SECONDS:
            raise AssertionError(f"answered after {took:.1f} s: {case.as_curl_command()[:2000]}")

    send()
    return statuses


def main() -> int:
    """Fuzz every operation -> 1 if a check failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.service", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="requests per table row; 200")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random requests; 0")
    options = parser.parse_args()
    register_bodies()
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(LIMITS, threads=1))
    code = 0
    print("| operation | requests | statuses |", "|---|---|---|", sep="\n")
    for found in schema.get_all_operations():
        operation: Any = found.ok() if isinstance(found, Ok) else None
        for mode in GenerationMode:
            name = f"{operation.method.upper()} {operation.path}, {mode.value}"
            try:
                statuses = fuzz(operation, mode, options.examples, options.seed)
            except Unsatisfiable:  # the operation has no invalid requests
                continue
            except (Exception, FailureGroup) as error:
                code = 1
                print(f"| {name} | failed |  |")
                print(f"{type(error).__name__}: {error}"[:4000], file=sys.stderr)
                continue
            shown = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
            print(f"| {name} | {sum(statuses.values()):,} | {shown} |", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
