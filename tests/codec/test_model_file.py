"""Model files: found by fingerprint, checked, and read the same with and without numpy."""

import numpy as np
import pytest

from stc.codec.model_file import find_model, open_model, save_model
from stc.codec.torch.export import from_arrays, from_int8, to_arrays, to_int8
from stc.errors import ModelMissingError, WrongModelError


def test_the_light_reader_agrees_with_the_tables(codec):
    model = open_model()
    tables = model.tables
    assert model.level_sizes == list(tables.level_sizes)
    assert model.groups == tables.groups.tolist()
    rows = [row.tolist() for row in model.rows(0, 100)]
    assert rows == [r.tolist() for _, level in tables.rows(0, 100) for r in level]


def test_found_by_the_first_two_bytes():
    model = open_model()
    assert find_model(bytes.fromhex(model.fingerprint)[:2]).path == model.path


def test_saving_what_was_loaded_changes_nothing(codec, tmp_path):
    arrays = to_arrays(codec.tokenizer, codec.decoder, codec.tables)
    saved = save_model(tmp_path / "copy.safetensors", codec.model.name, arrays)
    assert saved.fingerprint == codec.model.fingerprint
    tokenizer, _ = from_arrays(saved.read())
    assert tokenizer.level_sizes == codec.tokenizer.level_sizes
    assert open_model(saved.path).fingerprint == saved.fingerprint


def test_int8_keeps_every_column_within_half_a_step():
    matrix = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    matrix *= np.logspace(-3, 3, 7, dtype=np.float32)
    error = np.abs(from_int8(*to_int8(matrix)) - matrix).max(0)
    assert (error <= 0.51 * np.abs(matrix).max(0) / 127 + 1e-9).all()


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"\xff" * 100, b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]"]
)
def test_what_is_no_model_is_refused(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WrongModelError):
        open_model(path)


def test_edited_weights_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    data = bytearray(open_model().path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WrongModelError, match="fingerprint"):
        open_model(path).read()


def test_a_missing_model_names_those_there_are():
    with pytest.raises(ModelMissingError, match="stc-face-1"):
        open_model("nothing")
