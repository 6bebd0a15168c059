"""Counting of the probability tables, and modules that come back from their file."""

import tarfile

import numpy as np
import pytest
import torch

from stc.bitstream import Tables
from stc.codec.model_file import open_model, save_model
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training import export as exporting
from stc.lab.training.arrays import to_arrays, to_int8
from stc.lab.training.data import repeats
from stc.lab.training.export import count_tokens, export, pack_encoder, tokens_of


def write_tar(path, number):
    """A tar file of so many empty members; nobody looks inside to count them."""
    with tarfile.open(path, "w") as tar:
        for i in range(number):
            tar.addfile(tarfile.TarInfo(f"{i}.webp"))


def test_only_tokens_that_a_face_has_count_and_as_often_as_it_is_shown():
    tokenizer = LevelTokenizer(4, 1, [(4, 1, 4, 2), (4, 2, 4, 2)])
    indices = np.array([[0, 1, 2], [0, 3, 3], [1, 3, 3]])
    counts, weights = np.array([3, 2, 0]), np.array([10, 1, 9])
    tables = count_tokens(tokenizer, np.zeros(3, int), indices, counts, weights)
    first, second = (level[0] for level in tables.levels)
    # Frequencies are near (count + 1/2) / (all + 4/2).
    assert first[0] / 65536 == pytest.approx([11.5 / 13, 0.5 / 13, 0.5 / 13, 0.5 / 13], abs=1e-3)
    assert second[0] / 65536 == pytest.approx([0.5 / 13, 10.5 / 13, 0.5 / 13, 1.5 / 13], abs=1e-3)
    assert second[1] / 65536 == pytest.approx([0.5 / 12, 0.5 / 12, 10.5 / 12, 0.5 / 12], abs=1e-3)


def test_tokens_are_those_of_faces_and_of_their_mirror_images():
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(6, 1, [(6, 2, 8, 3)])
    generator = np.random.default_rng(0)
    level = tokenizer.levels[0]
    for buffer in (tokenizer.analysis, tokenizer.basis, level.analysis, level.synthesis):
        buffer.normal_()
    level.codebooks.weight.normal_().mul_(100)
    faces = generator.integers(0, 256, (5, 128, 128, 4), dtype=np.uint8)
    _, indices, counts = tokens_of(tokenizer, faces)
    _, mirrored, _ = tokens_of(tokenizer, faces[:, :, ::-1].copy())
    assert indices.shape == (10, 2)
    assert (counts == 2).all()
    assert (indices[:5] == mirrored[5:]).all()
    assert (indices[:5] != mirrored[:5]).any()


def test_faces_repeat_by_their_tar_file(tmp_path):
    write_tar(tmp_path / "a.tar", 3)
    write_tar(tmp_path / "b.tar", 2)
    assert repeats(tmp_path, {"b": 5}).tolist() == [1, 1, 1, 5, 5]
    with pytest.raises(ValueError, match=r"no c\.tar"):
        repeats(tmp_path, {"c": 2})


@pytest.fixture
def modules():
    """A small tokeniser whose tokens have 1 to 3 dimensions, and a decoder, of random weights."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(6, 2, [(6, 3, 4, 3), (5, 2, 4, 2)])
    for buffer in (tokenizer.mean, tokenizer.basis, tokenizer.analysis):
        buffer.normal_(0, 0.01)
    for level in tokenizer.levels:
        level.codebooks.weight.normal_()
        level.price.fill_(0.5)
        used = torch.ones(level.tokens, level.dimensions, dtype=torch.bool)
        used[0, 1:] = False  # the first token has one dimension
        level.codebooks.weight.mul_(used[:, None])
        level.analysis.normal_().mul_(used.flatten())
        level.synthesis.normal_().mul_(used.flatten()[:, None])
    decoder = Decoder((8, 6, 4, 4))
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    return tokenizer.requires_grad_(False).eval(), decoder.requires_grad_(False).eval()


def tables_of(tokenizer):
    generator = np.random.default_rng(0)
    shapes = [tuple(level.bits.shape) for level in tokenizer.levels]
    counts = [generator.integers(0, 50, shape) for shape in shapes]
    return Tables.from_counts(np.ones(tokenizer.groups, np.int64), counts)


def test_modules_come_back_from_a_file_and_go_there_again(modules, tmp_path):
    tables = tables_of(modules[0])
    first = save_model(tmp_path / "a.safetensors", "a", to_arrays(*modules, tables))
    loaded = load_modules(first)
    for one, other in zip(modules, loaded, strict=True):
        for name, value in one.state_dict().items():
            found = other.state_dict()[name]
            if name.endswith("bits"):
                continue  # those come from the tables
            assert found.shape == value.shape
            assert (found - value).abs().max() <= 0.01 * value.abs().max() + 1e-7, name
    assert first.level_sizes == [3, 2]
    assert first.array("levels.0.widths").tolist() == [1, 3, 3]
    again = save_model(tmp_path / "b.safetensors", "b", to_arrays(*loaded, first.tables))
    assert again.fingerprint == first.fingerprint
    assert again.digests == first.digests


def test_the_shipped_decoder_is_written_as_it_was_read(tmp_path):
    model = open_model()
    modules = load_modules(model)
    again = save_model(tmp_path / "x.safetensors", "x", to_arrays(*modules, model.tables))
    assert again.fingerprint == model.fingerprint
    # The encoder's matrices are not packed anew; what is lost is half a step of 8 bits.
    for name in ("encoder.analysis", "encoder.levels.3.analysis"):
        one, two = (m.values * m.scale for m in (model.matrix(name), again.matrix(name)))
        assert (np.abs(one - two).max(0) <= 0.51 / 127 * np.abs(one).max(0) + 1e-9).all()


def test_int8_keeps_every_column_within_half_a_step():
    matrix = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    matrix *= np.logspace(-3, 3, 7, dtype=np.float32)
    values, scale = to_int8(matrix)
    error = np.abs(values * scale.astype(np.float32) - matrix).max(0)
    assert (error <= 0.51 * np.abs(matrix).max(0) / 127 + 1e-9).all()


def faces_of(number):
    return np.random.default_rng(0).integers(0, 256, (number, 128, 128, 4), dtype=np.uint8)


def test_an_exported_model_has_tables_and_leaves_no_draft(modules, tmp_path):
    tokenizer, decoder = modules
    model = export(tmp_path / "x.safetensors", "x", tokenizer, decoder, faces_of(3), np.ones(3))
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    assert "encoder.analysis" in model.names
    assert not (model.tables.levels[0] == model.tables.levels[0][0, 0, 0]).all()
    assert model.matrix("encoder.levels.1.analysis").values.shape == (5, 3)


def test_enough_faces_pack_the_encoder_and_leave_the_decoder_alone(modules, tmp_path, monkeypatch):
    seen = []

    def packed(arrays, tokenizer, faces):
        seen.append(len(faces))
        return arrays

    monkeypatch.setattr(exporting, "pack_encoder", packed)
    monkeypatch.setattr(exporting, "MIN_FACES", 6)
    monkeypatch.setattr(exporting, "MAX_FACES", 4)
    for number in (5, 7):
        export(tmp_path / "x.safetensors", "x", *modules, faces_of(number), np.ones(number))
    assert seen == [4]


@pytest.mark.gate
def test_a_packed_encoder_is_near_the_one_in_eight_bits(modules, tmp_path):
    tokenizer, decoder = modules
    arrays = to_arrays(tokenizer, decoder, tables_of(tokenizer))
    plain = save_model(tmp_path / "plain.safetensors", "plain", arrays)
    stored, _ = load_modules(plain)
    packed = save_model(
        tmp_path / "packed.safetensors", "packed", pack_encoder(arrays, stored, faces_of(8))
    )
    assert packed.fingerprint == plain.fingerprint
    assert "encoder.levels.1.analysis.codes" in packed.names
    one, two = (model.matrix("encoder.levels.1.analysis") for model in (plain, packed))
    difference = np.abs(one.values.astype(int) - two.values).mean()
    assert 0 < difference < 0.1 * np.abs(one.values.astype(int)).mean()
