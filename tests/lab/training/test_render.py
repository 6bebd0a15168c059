"""The decoder's training: it learns, and a killed run goes on as if it had not been killed."""

import copy
import json

import numpy as np
import pytest
import torch

from stc.codec.torch.decoder import Decoder
from stc.lab.training import render
from stc.lab.training.collection import Collection
from stc.lab.training.metric import parity
from stc.lab.training.networks import Panel
from stc.lab.training.render import Faces, RenderPlan, RenderTrainer, draw_counts
from tests.lab.training.small import advanced, check_same, small_tokenizer
from tests.stand_ins import FlatLpips, FlatRecogniser


@pytest.fixture
def start(tmp_path):
    """Start or resume a run in a folder of its own, to so many steps."""
    torch.manual_seed(0)
    tokenizer = small_tokenizer(groups=2)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (40, 128, 128, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    told = Faces(
        Collection(pixels, np.arange(40) % 2 + 1, np.arange(40) % 10 == 0),
        generator.normal(size=(40, 16)).astype(np.float16),
        generator.normal(size=(40, 48)).astype(np.float16),
    )
    decoder = Decoder((8, 8, 8, 8))

    def run(name, steps, total=4, **values):
        torch.manual_seed(1)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        plan = RenderPlan(steps=total, batch=2, save_every=2, sheet_every=4, warm_up=1, **values)
        trainer = RenderTrainer(
            copy.deepcopy(tokenizer),
            copy.deepcopy(decoder),
            told,
            FlatRecogniser(),
            FlatLpips(),
            plan,
            folder,
        )
        return advanced(trainer, steps)

    return run


def test_a_resumed_run_ends_as_one_that_never_stopped(start):
    whole = start("whole", 4)
    start("killed", 3)  # the third step is lost: the checkpoint is from the second
    resumed = start("killed", 2)
    assert resumed.step == 2
    resumed = start("killed", 4)
    check_same(whole, resumed)


def test_the_quantizer_stands_still(start):
    trainer = start("still", 0)
    before = {name: value.clone() for name, value in trainer.tokenizer.state_dict().items()}
    for _ in range(4):
        trainer.train_step()
    for name, value in trainer.tokenizer.state_dict().items():
        assert torch.equal(value, before[name])


def test_faces_have_tokens_by_synthesis_when_it_is_time(start, monkeypatch):
    seen = []

    def found(tokenizer, decoder, recogniser, components, groups, indices, *_):
        seen.append(len(components))
        return torch.zeros_like(indices)

    monkeypatch.setattr(render, "synthesised", found)
    trainer = start("late", 0, synthesised_from=0.5, synthesised=0.5)
    assert [(trainer.train_step(), len(seen))[1] for _ in range(4)] == [0, 0, 1, 2]
    assert seen == [1, 1]
    z, counts = torch.randn(4, 16), torch.full((4,), 5)
    plain, _ = trainer.quantized(z, counts)
    mixed, spent = trainer.quantized(z, counts, torch.zeros(4, 48))
    assert torch.equal(mixed[:2], plain[:2])
    assert (mixed[2:] != plain[2:]).any(1).all()
    assert spent.tolist() == [1.0] * 4


def test_the_first_recogniser_alone_looks_at_tokens_found_by_synthesis(start, monkeypatch):
    """As in the encoder; the others are left to say whether what is drawn is still the person."""
    seen = []

    def found(tokenizer, decoder, recogniser, components, groups, indices, counts, wanted, rounds):
        seen.append((recogniser, wanted))
        return indices

    monkeypatch.setattr(render, "synthesised", found)
    trainer = start("panel", 0, synthesised_from=0.0, synthesised=0.5)
    eye = trainer.recogniser
    trainer.recogniser = Panel([eye, FlatRecogniser()])
    embeddings = trainer.recogniser(torch.rand(4, 3, 128, 128))
    trainer.quantized(torch.randn(4, 16), torch.full((4,), 5), embeddings)
    ((used, wanted),) = seen
    assert used is eye
    torch.testing.assert_close(wanted, embeddings[2:, :48] * 2**0.5)


def test_validation_faces_are_never_shown_and_others_as_often_as_they_count(start):
    trainer = start("shown", 0)
    assert trainer.validation.tolist() == [0, 10, 20, 30]
    shown = np.bincount(trainer.training, minlength=40)
    assert shown.tolist() == [0 if i % 10 == 0 else i % 2 + 1 for i in range(40)]


def test_a_mirror_image_has_the_components_of_its_parity(start):
    trainer = start("mirror", 0)
    assert torch.equal(trainer.parity, parity(trainer.tokenizer))


def test_a_run_writes_its_log_checkpoint_and_sheet(start, tmp_path):
    trainer = start("run", 0)
    trainer.train()
    assert trainer.step == 4
    folder = tmp_path / "run"
    assert (folder / "decoder.pt").exists()
    assert (folder / "sheets" / "decoder-000004.png").exists()
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
