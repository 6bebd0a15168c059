"""The decoder's training: it learns, and a killed run goes on as if it had not been killed."""

import copy
import json

import numpy as np
import pytest
import torch

from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.render import Faces, RenderPlan, RenderTrainer, draw_counts, trained_parts
from stc.lab.training.straight_through import straight_through
from tests.stand_ins import FlatLpips, FlatRecogniser


@pytest.fixture
def start(tmp_path):
    """Start or resume a run in a folder of its own, to so many steps."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(16, 1, [(16, 2, 8, 4), (16, 3, 8, 4)])
    for buffer in tokenizer.buffers():
        buffer.copy_(0.05 * torch.randn_like(buffer))
    tokenizer.weight.fill_(1)
    tokenizer.mean.fill_(0.5)
    generator = np.random.default_rng(0)
    faces = generator.integers(0, 256, (40, 128, 128, 4), dtype=np.uint8)
    faces[..., 3] = 255
    told = Faces(
        faces,
        generator.normal(size=(2, 40, 16)).astype(np.float16),
        generator.normal(size=(40, 48)).astype(np.float16),
        np.arange(40) % 2 + 1,
    )
    decoder = Decoder((8, 8, 8, 8))

    def run(name, steps, total=4, frozen=1):
        torch.manual_seed(1)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        plan = RenderPlan(
            steps=total, batch=2, save_every=2, sheet_every=4, held_out=10, warm_up=1, frozen=frozen
        )
        trainer = RenderTrainer(
            copy.deepcopy(tokenizer),
            copy.deepcopy(decoder),
            told,
            FlatRecogniser(),
            FlatLpips(),
            plan,
            folder,
        )
        while trainer.step < steps:
            trainer.train_step()
            if trainer.step % plan.save_every == 0:
                trainer.save()
        return trainer

    return run


def test_a_resumed_run_ends_as_one_that_never_stopped(start):
    whole = start("whole", 4)
    start("killed", 3)  # the third step is lost: the checkpoint is from the second
    resumed = start("killed", 2)
    assert resumed.step == 2
    resumed = start("killed", 4)
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], value, rtol=0, atol=0)
    for name, value in whole.average_tokenizer.state_dict().items():
        kept = resumed.average_tokenizer.state_dict()[name]
        torch.testing.assert_close(kept, value, rtol=0, atol=0)


def test_the_quantizer_moves_only_after_its_frozen_steps(start):
    trainer = start("joint", 0, frozen=2)
    before = [t.clone() for t in trained_parts(trainer.tokenizer)]
    for step in range(4):
        trainer.train_step()
        pairs = zip(trained_parts(trainer.tokenizer), before, strict=True)
        same = [torch.equal(a, b) for a, b in pairs]
        assert all(same) if step < 2 else not any(same)


def test_straight_through_says_what_the_codec_says(start):
    tokenizer = start("same", 0).tokenizer
    components, groups = torch.randn(6, 16), torch.zeros(6, dtype=torch.long)
    counts = torch.tensor([1, 2, 3, 4, 5, 5])
    indices = tokenizer.quantise(components, groups)
    expected = tokenizer.dequantise(indices, groups, counts)
    found = straight_through(tokenizer, components, groups, indices, counts)
    torch.testing.assert_close(found, expected)


def test_a_run_writes_its_log_checkpoint_and_sheet(start, tmp_path):
    trainer = start("run", 0)
    trainer.train()
    assert trainer.step == 4
    folder = tmp_path / "run"
    assert (folder / "checkpoint.pt").exists()
    assert (folder / "sheets" / "000004.png").exists()
    assert json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 4


def test_the_decoder_starts_as_the_linear_reconstruction_and_learns(start):
    trainer = start("learn", 0, total=12)
    first = trainer.train_step()["loss"]
    losses = [trainer.train_step()["loss"] for _ in range(11)]
    assert min(losses[-4:]) < first


def test_counts_reach_every_level_and_inside():
    torch.manual_seed(0)
    counts = draw_counts(4000, [25, 32, 64])
    assert {25, 57, 121} <= set(counts.tolist())
    assert counts.min() >= 12
    assert counts.max() <= 121
    assert len(set(counts.tolist())) > 60
