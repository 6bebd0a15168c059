"""A tokenizer from the folder of a run is measured like any other codec."""

import shutil

import numpy as np
import pytest
import torch

from stc.errors import DataError, StcError
from stc.lab.evaluation.codecs import open_codec
from stc.lab.training.stages import Sources, load_system, train
from tests.lab.tiny import tiny


@pytest.fixture(scope="module")
def run(array, tmp_path_factory):
    """The folder of a tiny run of 16 tokens, 8 codewords and 2 groups."""
    stage = {"steps": 1, "batch": 4}
    network = {**stage, "perception": 0.0, "identity": 0.0}
    config = tiny(base=network, decoder=network, joint=network, shared=stage, specific=stage)
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(config, Sources(array), folder)
    return config, folder


def test_files_hold_what_the_system_says(run, faces):
    config, folder = run
    pictures = np.ascontiguousarray(faces[:3, ..., :3])
    codec = open_codec(f"toy={folder}")
    assert codec.variants == ("toy",)
    low, high = codec.encode(pictures, (6, 7))["toy"]
    assert [coded.size for coded in low + high] == [7] * 6  # 16 * 3 + 1 bits
    assert all(coded.failed for coded in low)
    assert not any(coded.failed for coded in high)
    assert {len(coded.data) for coded in low} == {7}
    system = load_system(config, folder)
    rgb = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    expected = (system.decode(*system.encode(rgb)).permute(0, 2, 3, 1) * 255).round().byte()
    assert (codec.decode([coded.data for coded in high]) == expected.numpy()).all()
    assert open_codec(f"other={folder}").key == codec.key


def test_a_folder_that_is_no_finished_run_is_refused(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run[1], folder)
    with pytest.raises(DataError, match=r"no config\.json"):
        open_codec(f"x={tmp_path}")
    (folder / "decoder.pt").unlink()
    with pytest.raises(StcError, match="decoder comes first"):
        open_codec(f"x={folder}")
