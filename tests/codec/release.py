"""Golden files of a new model, and the figures of conformance/model-file.md, in one command.

    python -m tests.codec.release stc-open-1

The model is in stc/codec/weights; the page shows the default model (stc/codec/model_file.py). Later
releases must decode the files of earlier ones, so existing golden files are never overwritten. For
a model that was never released, first delete its golden files and its line in payloads.json.
"""

import hashlib
import json
import sys

from stc import Codec
from stc.codec.model_file import DEFAULT
from stc.imaging import frame
from tests.codec.make_golden import FOLDER, write_golden
from tests.codec.page import write_page

PAYLOADS = FOLDER / "payloads.json"


def payloads(name: str) -> str:
    """SHA-256 of the token counts and payloads of all golden files of a model."""
    rows = json.loads((FOLDER / f"{name}.json").read_text())
    bodies = [bytes.fromhex(row["file"])[4:-2] for row in rows]
    return hashlib.sha256(b"".join(bodies)).hexdigest()


def main(name: str) -> None:
    """Write the reference data of the tests for a model."""
    write_golden(Codec(name), frame("tests/assets/astronaut.png"), FOLDER)
    known = json.loads(PAYLOADS.read_text())
    PAYLOADS.write_text(json.dumps({**known, name: payloads(name)}, indent=1) + "\n")
    if name == DEFAULT:
        write_page(name)


if __name__ == "__main__":
    main(sys.argv[1])
