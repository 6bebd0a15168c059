"""Every target answers its first inputs, and its mutations get behind the checksums."""

import io
import random
import re
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("base45")
pytest.importorskip("pyarrow")
pytest.importorskip("zxingcpp")

from fuzz import corpus
from fuzz.checking import check
from fuzz.targets import NAMES, load

# Of the seeds, how many are accepted: a target that refuses all of them tests little.
REFUSED = {"empty", "short", "version", "unknown-model", "long-count", "no-tokens", "no-json"}
REFUSED |= {"long", "head", "text", "end", "png-part", "other", "cut"}


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_is_answered(name):
    target = load(name)
    for seed, data in target.seeds().items():
        assert len(data) <= target.max_len, seed
        try:
            target.answer(data)
        except target.errors:
            assert seed in REFUSED or seed.startswith("edit"), seed


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_is_what_the_script_makes(name):
    seeds = load(name).seeds()
    # Files that other libraries write may differ from release to release.
    own = seeds.keys() if name not in ("qr", "picture", "shard") else {"empty"}
    assert {path.name for path in (corpus.FOLDER / name).iterdir()} == seeds.keys()
    for seed in own:
        assert (corpus.FOLDER / name / seed).read_bytes() == seeds[seed], seed


def test_the_corpus_is_small():
    sizes = [path.stat().st_size for path in corpus.FOLDER.rglob("*") if path.is_file()]
    assert max(sizes) <= 8192
    assert sum(sizes) <= 100_000


def test_every_module_is_a_target():
    folder = Path(corpus.__file__).parent / "targets"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(NAMES)


def test_max_len_is_what_the_runner_reads_of_it():
    from fuzz.running import _max_len

    for name in NAMES:
        assert _max_len(name) == load(name).max_len


REPAIRED = {"decode": "small-9", "records": "2x5-7", "key": "key", "bare": "small-9"}


@pytest.mark.parametrize(("name", "seed"), REPAIRED.items())
def test_repaired_mutations_get_behind_the_checksum(name, seed):
    target, draw = load(name), random.Random(0)  # noqa: S311
    original, accepted, plain = target.seeds()[seed], 0, 0
    for _ in range(20):
        changed = bytearray(original)
        changed[draw.randrange(len(changed) // 2, len(changed))] ^= 1 << draw.randrange(8)
        plain += check(target, bytes(changed))
        accepted += check(target, target.repair(bytes(changed), draw))
    assert accepted >= 5
    assert accepted > plain


def test_repaired_tar_files_have_the_checksums_of_their_headers():
    shard = load("shard")
    original = shard.seeds()["links"]
    changed = original.replace(b"b.jpg", b"c.jpg")
    with tarfile.open(fileobj=io.BytesIO(changed)) as tar:
        assert tar.getnames() == ["a.jpg"]  # tarfile takes the second header for the end
    repaired = shard.repair(changed, random.Random(0))  # noqa: S311
    with tarfile.open(fileobj=io.BytesIO(repaired)) as tar:
        assert tar.getnames() == ["a.jpg", "c.jpg", "n" * 120 + ".jpg"]


def test_the_dictionary_is_one_that_libfuzzer_reads():
    text = (Path(corpus.__file__).parent / "stc.dict").read_text()
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(words) > 30
    for word in words:
        assert re.fullmatch(r'\w+="(\\x[0-9a-f]{2}|\\"|\\\\|[^"\\])+"', word), word
