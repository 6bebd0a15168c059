"""Model files: lookup by fingerprint, checks while reading, equality with and without numpy."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stc.codec.model_file import ENCODER, find_model, open_model, save_model
from stc.errors import ModelMissingError, WrongModelError
from tests.codec.models import save_odd_model


@pytest.fixture
def odd(tmp_path):
    return save_odd_model(tmp_path / "odd.safetensors", (3, 5, 2, 4), 6)


def test_the_light_reader_agrees_with_the_tables():
    model = open_model()
    tables = model.tables
    assert model.level_sizes == list(tables.level_sizes)
    assert model.groups == tables.groups.tolist()
    rows = [row.tolist() for row in model.rows(0, 100)]
    assert rows == [r.tolist() for _, level in tables.rows(0, 100) for r in level]


def test_rows_are_those_of_the_group(odd):
    rows = [row.tolist() for row in odd.rows(2, 8)]
    assert rows == [r.tolist() for _, level in odd.tables.rows(2, 8) for r in level]


def test_what_info_needs_comes_without_numpy():
    program = (
        "import sys; from stc.codec.model_file import open_model; model = open_model(); "
        "model.groups; model.level_sizes; list(model.rows(0, 30)); "
        "print(sorted({'numpy', 'torch', 'safetensors'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.decode().strip() == "[]"


def test_its_repr_is_short():
    """It names the model, not the arrays, of which there are hundreds."""
    text = repr(open_model())
    assert "stc-open-1" in text
    assert len(text) < 300


def test_found_by_the_first_two_bytes():
    model = open_model()
    short = bytes.fromhex(model.fingerprint)[:2]
    assert find_model(short).path == model.path
    model.check_named(short)
    alien = bytes([short[0] ^ 1, short[1]])
    with pytest.raises(WrongModelError, match=model.name):
        find_model(alien)
    with pytest.raises(WrongModelError, match=alien.hex()):
        model.check_named(alien)


def test_what_was_saved_is_read(odd, tmp_path):
    arrays = odd.read()
    again = save_model(tmp_path / "again.safetensors", "odd", arrays)
    assert (again.fingerprint, again.identity) == (odd.fingerprint, odd.identity)
    assert again.path.read_bytes() == odd.path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.safetensors",
        "odd.safetensors",
    ]
    for name in again.names:
        assert again.array(name).dtype == arrays[name].dtype
        np.testing.assert_array_equal(again.array(name), arrays[name])
        assert not again.array(name).flags.writeable


def test_the_library_reads_the_same():
    numpy_io = pytest.importorskip("safetensors.numpy")
    model = open_model()
    found = numpy_io.load_file(model.path)
    assert found.keys() == model.entries.keys()
    for name, array in found.items():
        assert model.array(name).dtype == array.dtype
        np.testing.assert_array_equal(model.array(name), array)


def test_arrays_are_aligned_and_the_encoders_come_last():
    model = open_model()
    large = [entry for entry in model.entries.values() if (entry.end - entry.start) % 64 == 0]
    assert len(large) > 40
    assert all(entry.start % 64 == 0 for entry in large)
    sizes = {"I8": 1, "U8": 1, "F16": 2, "U16": 2, "F32": 4, "U32": 4}
    assert all(entry.start % sizes[entry.dtype] == 0 for entry in model.entries.values())
    order = [name for name, entry in model.entries.items() if entry in large]
    assert order == sorted(order, key=lambda name: name.startswith(ENCODER))


def test_only_the_decoders_arrays_make_the_fingerprint(odd, tmp_path):
    arrays = {**odd.read(), "encoder.levels.0.price": np.ones(1, np.float32)}
    encoder = save_model(tmp_path / "encoder.safetensors", "encoder", arrays)
    assert encoder.fingerprint == odd.fingerprint
    assert encoder.identity != odd.identity
    arrays["mean"] = arrays["mean"] + np.float16(1)
    decoder = save_model(tmp_path / "decoder.safetensors", "decoder", arrays)
    assert decoder.fingerprint != odd.fingerprint


def test_many_threads_read_one_array(odd):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: odd.array("basis"), range(32)))
    assert len({array.ctypes.data for array in found}) == 1


def test_damage_is_found_in_the_array_that_has_it(odd):
    data = bytearray(odd.path.read_bytes())
    data[odd.entries["basis"].start + 5] ^= 1
    odd.path.write_bytes(data)
    model = open_model(odd.path)
    model.array("mean")
    for _ in range(2):
        with pytest.raises(WrongModelError, match="basis has digest"):
            model.array("basis")
    with pytest.raises(WrongModelError, match="basis has digest"):
        model.matrix("basis")


def test_arrays_that_are_missing_are_named(odd):
    with pytest.raises(WrongModelError, match=r"no array encoder\.analysis"):
        odd.matrix("encoder.analysis")


def test_a_missing_model_names_those_there_are(tmp_path):
    with pytest.raises(ModelMissingError, match="stc-open-1"):
        open_model("nothing")
    with pytest.raises(ModelMissingError, match="stc-open-1"):
        open_model(tmp_path / "nothing.safetensors")


def written(path, header, body=b""):
    """Write a file with the given header: an object, written as JSON, or bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(dtype="U8", shape=(4,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


HOSTILE = {
    "not an object": b"[]",
    "not JSON": b"{",
    "not text": b"\xff\xfe",
    "too deep": b"[" * 200_000,
    "named twice": b'{"a": 1, "a": 2}',
    "metadata": {"__metadata__": {"name": 1}},
    "name": {"a b": entry()},
    "no object": {"a": [1]},
    "more members": {"a": {**entry(), "x": 1}},
    "type": {"a": entry("F64", (4,), (0, 32))},
    "type of another kind": {"a": {**entry(), "dtype": ["U8"]}},
    "shape too large": {"a": entry(shape=(1 << 40, 1 << 40))},
    "shape of fractions": {"a": entry(shape=(4.0,))},
    "shape of truths": {"a": entry(shape=(True, 4))},
    "shape below zero": {"a": entry(shape=(-2, -2))},
    "length": {"a": entry(shape=(5,))},
    "backwards": {"a": entry(shape=(0,), offsets=(4, 0))},
    "beyond the end": {"a": entry(shape=(8,), offsets=(0, 8))},
    "hole": {"a": entry(shape=(2,), offsets=(0, 2)), "b": entry(shape=(1,), offsets=(3, 4))},
    "overlap": {"a": entry(), "b": entry(shape=(2,), offsets=(2, 4))},
    "rest": {"a": entry(shape=(2,), offsets=(0, 2))},
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_headers_that_contradict_themselves_are_refused(header, tmp_path):
    with pytest.raises(WrongModelError, match="not a safetensors file"):
        open_model(written(tmp_path / "model.safetensors", header, b"1234"))


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 100, (9).to_bytes(8, "little") + b"{}"])
def test_what_has_no_header_is_refused(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WrongModelError, match="not a safetensors file"):
        open_model(path)


def test_another_safetensors_file_is_refused(tmp_path):
    path = written(tmp_path / "model.safetensors", {"a": entry()}, b"1234")
    with pytest.raises(WrongModelError, match="states no fingerprint"):
        open_model(path)


CHANGES = {
    "basis": lambda a: {"basis": a["basis"][:-1]},
    "mean": lambda a: {"mean": a["mean"].astype(np.float32)},
    "scale": lambda a: {"basis.scale": a["basis.scale"][:-1]},
    "codebooks": lambda a: {"levels.1.codebooks": a["levels.1.codebooks"][:, :, :-1]},
    "groups": lambda a: {"levels.1.codebooks": a["levels.1.codebooks"][:1]},
    "widths": lambda a: {"levels.2.widths": a["levels.2.widths"][:-1]},
    "components": lambda a: {"levels.0.synthesis": np.zeros((99, 7), np.int8)},
    "no columns": lambda a: {"levels.0.synthesis": a["levels.0.synthesis"][:, :0]},
    "counts": lambda a: {"levels.0.counts": a["levels.0.counts"].astype(np.float16)},
    "price": lambda a: {"encoder.levels.0.price": np.zeros(2, np.float32)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_arrays_that_do_not_fit_together_are_refused(change, odd, tmp_path):
    arrays = odd.read()
    with pytest.raises(WrongModelError, match="not an STC model"):
        save_model(tmp_path / "changed.safetensors", "changed", {**arrays, **change(arrays)})


@pytest.mark.parametrize("name", ["config", "groups.counts", "basis.scale", "levels.0.widths"])
def test_a_model_without_one_of_its_arrays_is_refused(name, odd, tmp_path):
    arrays = odd.read()
    del arrays[name]
    with pytest.raises(WrongModelError, match="not an STC model"):
        save_model(tmp_path / "changed.safetensors", "changed", arrays)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"groups": 3, "levels": 5, "widths": [1, 2, 3, 4]}', "[" * 100_000],
)
def test_configurations_that_say_something_else_are_refused(text, odd, tmp_path):
    arrays = {**odd.read(), "config": np.frombuffer(text.encode(), np.uint8)}
    model = save_model(tmp_path / "changed.safetensors", "changed", arrays)
    with pytest.raises(WrongModelError):
        _ = model.config


@pytest.mark.parametrize("changed", [{"groups": 2}, {"widths": [1, 2, 3]}, {"levels": []}])
def test_a_configuration_agrees_with_the_shapes(changed, odd, tmp_path):
    config = {**odd.config, **changed}
    arrays = {**odd.read(), "config": np.frombuffer(json.dumps(config).encode(), np.uint8)}
    model = save_model(tmp_path / "changed.safetensors", "changed", arrays)
    with pytest.raises(WrongModelError, match="configuration"):
        _ = model.config


def test_widths_share_out_the_columns(odd, tmp_path):
    arrays = odd.read()
    arrays["levels.1.widths"] = arrays["levels.1.widths"] + np.uint8(1)
    model = save_model(tmp_path / "changed.safetensors", "changed", arrays)
    with pytest.raises(WrongModelError, match="widths of level 1"):
        model.array("levels.1.widths")


def edited(model, change):
    """A copy of the model file with other metadata and unchanged arrays."""
    data = model.path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header["__metadata__"])
    return written(model.path.with_name("edited.safetensors"), header, data[8 + length :])


def test_metadata_must_agree_with_the_arrays(odd):
    digests = dict(odd.digests)
    some = hashlib.sha256(b"").hexdigest()
    changes = {
        "result in fingerprint": [{"fingerprint": some}, {"digests": {**digests, "mean": some}}],
        "not both": [{"digests": {**digests, "more": some}}, {"digests": {"mean": some}}],
        "does not state": [
            {"digests": []},
            {"digests": {**digests, "mean": some.upper()}},
            {"digests": {**digests, "mean": 5}},
        ],
    }
    for message, kinds in changes.items():
        for kind in kinds:
            text = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in kind.items()
            }
            with pytest.raises(WrongModelError, match=message):
                open_model(edited(odd, lambda metadata, text=text: metadata.update(text)))
    with pytest.raises(WrongModelError, match="does not state"):
        open_model(edited(odd, lambda metadata: metadata.pop("digests")))
    assert open_model(edited(odd, lambda metadata: metadata.pop("name"))).name == "edited"
