"""The upscaler's training: it learns, a stopped run goes on, soft faces are left out."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from stc.codec.torch.decoder import Decoder
from stc.codec.torch.upscaler import Upscaler
from stc.errors import StcError
from stc.lab.training.collection import DataPlan, FaceSet
from stc.lab.training.upscaling import Portraits, UpscalerPlan, UpscalerTrainer
from tests.lab.evaluation.pictures import write_tar
from tests.lab.training.small import advanced, check_same, small_tokenizer
from tests.stand_ins import FlatLpips, FlatRecogniser


@pytest.fixture
def portraits():
    """Ten faces of noise, every second one without what 128 pixels cannot hold."""
    large = np.random.default_rng(0).integers(0, 256, (10, 256, 256, 4), dtype=np.uint8)
    large[..., 3] = 255
    large[::2] = large[::2, ::4, ::4].repeat(4, 1).repeat(4, 2)
    small = large[:, ::2, ::2]
    return Portraits(np.ascontiguousarray(small), large, np.arange(10) == 0)


@pytest.fixture
def start(tmp_path, portraits):
    torch.manual_seed(0)
    tokenizer, decoder = small_tokenizer(groups=2), Decoder((8, 8, 8, 8))
    upscaler = Upscaler((8, 8), features=8)

    def run(name, steps, **values):
        torch.manual_seed(1)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        plan = UpscalerPlan(steps=4, batch=2, save_every=2, sheet_every=4, warm_up=1, **values)
        trainer = UpscalerTrainer(
            tokenizer,
            decoder,
            copy.deepcopy(upscaler),
            portraits,
            [FlatRecogniser()],
            FlatLpips(),
            plan,
            folder,
        )
        return advanced(trainer, steps)

    return run


def test_a_resumed_run_ends_as_one_that_never_stopped(start):
    whole = start("whole", 4)
    start("killed", 3)  # the third step is lost: the checkpoint is from the second
    resumed = start("killed", 4)
    check_same(whole, resumed)


def test_it_begins_as_bicubic_enlargement_and_learns(start):
    trainer = start("run", 0)
    picture, features, condition = (
        torch.rand(1, 3, 128, 128),
        torch.rand(1, 8, 64, 64),
        torch.rand(1, 32),
    )
    plain = torch.nn.functional.interpolate(picture, scale_factor=2.0, mode="bicubic")
    drawn = trainer.network(picture, features, condition)
    torch.testing.assert_close(drawn, plain)
    decoder = copy.deepcopy(trainer.decoder.state_dict())
    trainer.train_step()
    assert not torch.equal(trainer.network(picture, features, condition), drawn)
    for name, value in trainer.decoder.state_dict().items():
        assert torch.equal(value, decoder[name])


def test_soft_faces_are_left_out(start):
    assert start("sharp", 0, sharpest=0.5).training.tolist() == [1, 3, 5, 7, 9]
    assert start("all", 0, sharpest=1.0).training.tolist() == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
    ]  # 0 is held out


def test_a_run_leaves_figures_a_sheet_and_a_checkpoint(start, tmp_path):
    start("run", 0).train()
    assert (tmp_path / "run" / "upscaler.pt").exists()
    with Image.open(tmp_path / "run" / "sheets" / "upscaler-000004.png") as sheet:
        assert sheet.size == (3 * 256, 256)
    assert '"stage": "upscaler"' in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_portraits_are_held_out_where_their_canvases_are(tmp_path, portraits):
    write_tar(tmp_path / "own_256.tar", dict(enumerate(portraits.large[1:4])))
    write_tar(tmp_path / "own.tar", dict(enumerate(portraits.canvases[1:4])))
    write_tar(tmp_path / "other_256.tar", dict(enumerate(portraits.large[:1])))
    plan = DataPlan(sets=(FaceSet("own"),), held_out=2)
    read = Portraits.read(tmp_path, plan)
    assert np.array_equal(read.large, portraits.large[1:4])
    assert read.held.tolist() == [True, False, True]
    assert read.canvases.shape == (3, 128, 128, 4)
    assert (read.canvases[..., 3] == 255).all()


def test_a_folder_without_such_faces_is_refused(tmp_path, portraits):
    write_tar(tmp_path / "own.tar", dict(enumerate(portraits.canvases[:2])))
    with pytest.raises(StcError, match="no faces of 256 pixels"):
        Portraits.read(tmp_path, DataPlan())
    write_tar(tmp_path / "own_256.tar", dict(enumerate(portraits.canvases[:2])))
    with pytest.raises(ValueError, match="not 256 pixels square"):
        Portraits.read(tmp_path, DataPlan())
