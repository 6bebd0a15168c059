"""Counting of the probability tables, and modules that come back from their file."""

import numpy as np
import pytest
import torch

from stc.bitstream import Tables
from stc.codec.model_file import open_model, save_model
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelShape, LevelTokenizer
from stc.lab.training.arrays import to_arrays, used_columns
from stc.lab.training.export import count_tokens, export, tokens_of
from stc.lab.training.packing import named, pack_metric, pack_synthesis, to_int8
from tests.lab.training.packed import packed_arrays, packed_codebooks


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
    for buffer in (tokenizer.basis, level.synthesis):
        buffer.normal_()
    tokenizer.mean[:4096] = 0.5
    level.codebooks.weight.normal_().mul_(30)
    faces = generator.integers(0, 256, (5, 128, 128, 4), dtype=np.uint8)
    _, indices, counts = tokens_of(tokenizer, faces)
    _, mirrored, _ = tokens_of(tokenizer, faces[:, :, ::-1].copy())
    assert indices.shape == (10, 2)
    assert (counts == 2).all()
    assert (indices[:5] == mirrored[5:]).all()
    assert (indices[:5] != mirrored[:5]).any()


@pytest.fixture
def modules():
    """A small tokenizer whose tokens have 1 to 3 dimensions, and a decoder, of random weights."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(6, 2, [(6, 3, 4, 3), LevelShape(5, 2, 4, 2, groups=1, rank=2)])
    for buffer in (tokenizer.mean, tokenizer.basis):
        buffer.normal_(0, 0.01)
    for level in tokenizer.levels:
        level.codebooks.weight.normal_()
        level.price.fill_(0.5)
        used = torch.ones(level.tokens, level.dimensions, dtype=torch.bool)
        used[0, 1:] = False  # the first token has one dimension
        level.codebooks.weight.mul_(used[:, None])
        level.synthesis.normal_().mul_(used.flatten()[:, None])
        if level.factor.shape[1]:
            level.identity.fill_(0.7)
            level.factor.copy_(pack_metric(torch.randn_like(level.factor))[1])
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
            if name.endswith("bits") or not value.numel():
                continue  # bits come from the tables
            assert found.shape == value.shape
            assert (found - value).abs().max() <= 0.01 * value.abs().max() + 1e-7, name
    assert first.level_sizes == [3, 2]
    assert first.array("levels.0.widths").tolist() == [1, 3, 3]
    again = save_model(tmp_path / "b.safetensors", "b", to_arrays(*loaded, first.tables))
    assert again.fingerprint == first.fingerprint
    assert again.digests == first.digests


def test_the_shipped_decoder_is_written_as_it_was_read(tmp_path):
    model = open_model()
    modules, packed = load_modules(model), packed_arrays(model)
    arrays = to_arrays(*modules, model.tables, packed)
    for number in range(len(model.level_sizes)):  # in as many bits as they were
        name = f"levels.{number}.counts"
        arrays[name] = arrays[name].astype(model.array(name).dtype)
    again = save_model(tmp_path / "x.safetensors", "x", arrays)
    assert again.fingerprint == model.fingerprint


def test_packed_matrices_go_into_the_file_as_they_are(modules, tmp_path):
    tokenizer, decoder = modules
    level, packed = tokenizer.levels[0], packed_codebooks(tokenizer, 4)
    columns = used_columns(level)
    words, read = pack_synthesis(level.synthesis[columns].T.contiguous(), bits=5)
    packed |= named("levels.0.synthesis", words)
    arrays = to_arrays(tokenizer, decoder, tables_of(tokenizer), packed)
    model = save_model(tmp_path / "packed.safetensors", "packed", arrays)
    loaded, _ = load_modules(model)
    assert torch.equal(loaded.levels[0].synthesis[columns].T, read)
    assert {"levels.1.codebooks.codes", "levels.1.synthesis"} <= set(model.names)
    kept = packed_arrays(model)
    assert kept.keys() == packed.keys()
    assert all(np.array_equal(kept[name], packed[name]) for name in packed)
    packed["levels.0.synthesis.scale"] = np.ones(3, np.float16)
    with pytest.raises(ValueError, match="columns, packed: 3"):
        to_arrays(tokenizer, decoder, tables_of(tokenizer), packed)


def test_levels_of_one_metric_share_it(tmp_path):
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(6, 1, [LevelShape(6, 1, 4, 2, rank=2)] * 3)
    for number, level in enumerate(tokenizer.levels):
        level.codebooks.weight.normal_()
        level.synthesis.normal_()
        level.factor.copy_(torch.ones(6, 2) if number < 2 else torch.arange(12.0).view(6, 2))
    arrays = to_arrays(tokenizer, Decoder((8, 6, 4, 4)), tables_of(tokenizer))
    assert [int(arrays[f"encoder.levels.{n}.metric"][0]) for n in range(3)] == [0, 0, 1]
    assert "encoder.metrics.1" in arrays
    assert "encoder.metrics.2" not in arrays


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
    packed = packed_codebooks(tokenizer, 5)
    path = tmp_path / "x.safetensors"
    model = export(path, "x", tokenizer, decoder, faces_of(3), np.ones(3), packed)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    assert not (model.tables.levels[0] == model.tables.levels[0][0, 0, 0]).all()
    assert [len(level) for level in model.tables.levels] == [2, 1]
    assert model.entries["levels.0.counts"].dtype == "U16"
    assert "levels.0.codebooks.codes" in model.names
    assert model.metric(1).factor.shape == (5, 2)
    assert model.metric(0).factor.shape == (6, 0)
