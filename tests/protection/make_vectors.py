"""Makes tests/protection/vectors: python -m tests.protection.make_vectors. They contain no face.

Run it only for a new version of a format: no vector may change without one. Key, index and scores
are used nowhere else.
"""

import json
from pathlib import Path

import numpy as np

from stc.protection import GroupedTemplate, Key, Revocations, index, protect, write_index
from stc.protection.head_file import save_head
from stc.protection.score_file import Calibration, ScoreCounts
from stc.protection.stream import Parameters
from tests.protection.conftest import random_head

FOLDER = Path(__file__).parent / "vectors"
NONCE = bytes(range(16))


def query():
    """The template that all vectors are matched with: integers, equal on every machine."""
    features = np.arange(24).reshape(3, 8) * 37 % 23 - 11
    return GroupedTemplate(features, np.array([0.5, 0.25, 0.25]), b"made")


def records(key):
    """Records with all types of id, and several numbers of bits, alphas, drops and generations."""
    other = GroupedTemplate(query().features[::-1], query().weights, b"made")
    return [
        protect(query(), key, "alice", generation=2).to_bytes(6),
        protect(other, key, b"\x00\xff", 0.5, 0.25).to_bytes(8),
        protect(query(), key, 7, 0, 0).to_bytes(2),
    ]


def main():
    FOLDER.mkdir(exist_ok=True)
    key = Key(bytes(range(32)))
    (FOLDER / "face.key").unlink(missing_ok=True)
    key.save(FOLDER / "face.key")
    (FOLDER / "records.stp").write_bytes(b"".join(records(key)))
    (FOLDER / "revoked.txt").write_text(Revocations([bytes(8), b"\xab" * 8]).to_text())
    mean = np.arange(5, dtype=np.float32) / 8
    save_head(FOLDER / "head.safetensors", random_head((2, 2, 1), size=4), "vector", mean, {})
    index.secrets.token_bytes = lambda count: NONCE[:count]
    alike = [protect(query(), key, number) for number in range(3)]
    with (FOLDER / "records.stg").open("w+b") as file:
        write_index(file, alike, key, 4)
    counts = ScoreCounts.of(np.float32([-1 / 512, 1 / 64, 3 / 128]))
    mated = ScoreCounts.of(np.float32([0.25]))
    found = Calibration(Parameters(3, 8, 4, 9000, b"made"), 6, 3, 4, counts, mated)
    (FOLDER / "scores.json").write_text(found.to_json())
    for path in sorted(FOLDER.iterdir()):
        print(path.name, path.stat().st_size)
    print(json.dumps([one.hex() for one in records(key)], indent=1))


if __name__ == "__main__":
    main()
