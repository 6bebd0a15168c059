"""Counting of the probability tables."""

import tarfile

import numpy as np
import pytest
import torch

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.data import repeats
from stc.lab.training.export import count_tokens, tokens_of


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
