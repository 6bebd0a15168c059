"""The committed files of every format are read as docs/protection-format.md specifies.

The tests implement the specification again, with only hashlib and struct.
"""

import hashlib
import hmac
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from stc.errors import KeyFileError, UnsupportedVersionError, WrongModelError
from stc.protection import Key, RecordIndex, Revocations, match, read_records
from stc.protection.head_file import load_head, load_mean
from stc.protection.score_file import Calibration
from stc.protection.stream import Parameters
from tests.protection.make_vectors import query

FOLDER = Path(__file__).parent / "vectors"
SECRET = bytes(range(32))
NONCE = bytes(range(16))
# Id, generation, bits, parameters, and the score of `query`, to within rounding.
RECORDS = [
    ("alice", 2, 6, Parameters(3, 8, 4, 9000, b"made"), 0.99985),
    (b"\x00\xff", 0, 8, Parameters(3, 8, 6, 5000, b"made"), 0.10184),
    (7, 0, 2, Parameters(3, 8, 8, 0, b"made"), 0.93896),
]

CODES = [25, -30, 21, 0, 24, 32, 17, 0, 27, -2, -35, 0]  # sketches of three records


@pytest.fixture
def key(tmp_path):
    """The key, from a copy that only its owner can read; a checkout has other file modes."""
    shutil.copy(FOLDER / "face.key", tmp_path / "face.key")
    (tmp_path / "face.key").chmod(0o600)
    return Key.load(tmp_path / "face.key")


def stream(*parts, length):
    return hashlib.shake_256(SECRET + b"".join(parts)).digest(length)


def test_the_key(key):
    assert key == Key(SECRET)
    head = b"STC protection key 1\n"
    check = hashlib.sha256(head + SECRET).digest()[:4]
    assert (FOLDER / "face.key").read_bytes() == head + (SECRET + check).hex().encode() + b"\n"


def test_the_records(key):
    with open(FOLDER / "records.stp", "rb") as file:
        found = list(read_records(file))
    assert len(found) == len(RECORDS)
    for record, (record_id, generation, bits, parameters, score) in zip(
        found, RECORDS, strict=True
    ):
        assert (record.record_id, record.generation, record.bits) == (record_id, generation, bits)
        assert record.parameters == parameters
        assert match(query(), record, key) == pytest.approx(score, abs=1e-3)


def test_what_the_page_says_of_a_record():
    """Tag, kept positions and codes of the first record, computed from the key."""
    data = (FOLDER / "records.stp").read_bytes()
    head, name = data[:28], data[29 : 29 + data[28]]
    assert head[:20] == b"STCp\x01\x06made" + struct.pack("<5H", 3, 8, 4, 9000, 2)
    assert name == b"salice"
    context = b"stc.protection 1" + struct.pack("<5H", 3, 8, 4, 9000, 2) + b"made" + name
    tag = head[20:]
    assert tag == stream(context, length=8)
    drawn = hashlib.shake_256(b"stc.protection 1 positions" + struct.pack("<3H", 3, 8, 4) + tag)
    numbers = np.frombuffer(drawn.digest(4 * 24), "<u4").reshape(3, 8) >> 8
    kept = [sorted(np.argsort(row, kind="stable")[:4]) for row in numbers]
    codes = "".join(f"{byte:08b}" for byte in data[29 + len(name) : 29 + len(name) + 9])
    record = next(read_records(data))
    for group, positions in enumerate(kept):
        assert np.flatnonzero(record.features[group]).tolist() == positions
        for place, position in enumerate(positions):
            code = int(codes[6 * (4 * group + place) :][:6], 2)
            assert record.features[group, position] == (code + 0.5) / 32 - 1


def test_the_revoked_records():
    revoked = Revocations.from_text((FOLDER / "revoked.txt").read_text())
    assert len(revoked) == 2
    assert bytes(8) in revoked
    assert b"\xab" * 8 in revoked


def test_the_head():
    head = load_head(FOLDER / "head.safetensors", "vector")
    assert (head.shape, head.size) == ((2, 2, 1), 4)
    assert load_mean(FOLDER / "head.safetensors").tolist() == [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8]


def test_the_index(key):
    with open(FOLDER / "records.stg", "rb") as file:
        index = RecordIndex(file, key)
        assert (len(index), index.dimensions) == (3, 4)
        found = index.search(query())
    assert sorted(record.record_id for _, record in found) == [0, 1, 2]
    assert [score for score, _ in found] == pytest.approx([1, 1, 1], abs=1e-3)


def test_what_the_page_says_of_an_index():
    """Header and check, then the section of the sketches, decrypted as specified."""
    data = (FOLDER / "records.stg").read_bytes()
    size = struct.unpack_from("<Q", data, 23)[0]
    assert data[:47] == (b"STCg\x01made" + struct.pack("<5HIQ", 3, 8, 4, 9000, 4, 3, size) + NONCE)
    assert sum(len(record.to_bytes()) for record in read_records(data[79 : 79 + size])) == size
    axes = data[79 + size :][: 4 * 4 * (24 + 1) + 32]
    block = data[79 + size + len(axes) :]
    for number, section in ((0, data[:79]), (1, axes), (2, block)):
        own = stream(b"stc.protection index 1 check", NONCE, struct.pack("<I", number), length=32)
        assert section[-32:] == hmac.digest(own, section[:-32], "sha256")
    pad = stream(b"stc.protection index 1 cipher", NONCE, struct.pack("<I", 2), length=12)
    lengths, sealed = struct.unpack("<3H", block[:6]), block[6:-32]
    assert sum(lengths) == size
    codes = np.frombuffer(bytes(a ^ b for a, b in zip(pad, sealed, strict=True)), np.int8)
    assert codes.tolist() == CODES


def test_the_scores():
    found = Calibration.from_json((FOLDER / "scores.json").read_bytes())
    assert (found.parameters, found.bits) == (Parameters(3, 8, 4, 9000, b"made"), 6)
    assert (found.people, found.pictures) == (3, 4)
    assert [found.impostor.above(step) for step in (-20, -19, 156, 157, 234, 235)] == [
        3,
        2,
        2,
        1,
        1,
        0,
    ]
    assert found.mated.pairs == 1


def changed(name, old, new):
    data = (FOLDER / name).read_bytes()
    assert data.count(old) >= 1
    return data.replace(old, new, 1)


def test_unknown_versions_have_an_error_of_their_own(key, tmp_path):
    with pytest.raises(UnsupportedVersionError, match="version 2 is unknown"):
        list(read_records(changed("records.stp", b"STCp\1", b"STCp\2")))
    (tmp_path / "x.stg").write_bytes(changed("records.stg", b"STCg\1", b"STCg\2"))
    with (
        open(tmp_path / "x.stg", "rb") as file,
        pytest.raises(UnsupportedVersionError, match="version 2 is unknown"),
    ):
        RecordIndex(file, key)
    with pytest.raises(UnsupportedVersionError, match="version 2 is unknown"):
        Calibration.from_json(changed("scores.json", b'"version": 1', b'"version": 2'))
    (tmp_path / "k").write_bytes(changed("face.key", b"key 1\n", b"key 2\n"))
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(KeyFileError, match="version 2 is unknown"):
        Key.load(tmp_path / "k")
    (tmp_path / "h").write_bytes(changed("head.safetensors", b"head 1", b"head 2"))
    with pytest.raises(WrongModelError, match="version 2 is unknown"):
        load_head(tmp_path / "h", "vector")
