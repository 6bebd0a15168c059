"""Stage `base` of patches: a fit in one step, that resumes and starts from a shipped decoder."""

import numpy as np
import pytest
import torch

from stc.codec.model_file import open_model
from stc.codec.torch.canvas import to_planes
from stc.codec.torch.load import load_modules
from stc.errors import StcError
from stc.lab.training.data import to_tensors
from stc.lab.training.launch import launcher
from stc.lab.training.patch_stage import PatchTraining
from stc.lab.training.pictures import Pictures
from stc.lab.training.run import RunFolder
from stc.lab.training.stages import Sources, load_system, train
from stc.lab.training.system import System
from tests.lab.tiny import patches


def fitted(faces, **changes):
    """The system after stage `base` on faces [N, 128, 128, 4]."""
    config = patches(**changes)
    torch.manual_seed(0)
    system = System(config)
    pictures = Pictures.split(faces, config.held_out)
    training = PatchTraining(system, pictures, config.base, launcher("fp32"))
    return system, training.step(0)


def test_few_components_hold_smooth_faces_and_codewords_lie_among_them(faces):
    system, metrics = fitted(faces)
    assert metrics["kept"] > 0.95
    tokenizer, (rgb, _) = system.tokenizer, to_tensors(faces[::6])  # the held-out ones
    latents = tokenizer.analyse(rgb)
    planes = tokenizer.planes(latents @ tokenizer.basis.T + tokenizer.mean)
    expected = to_planes(rgb)
    assert (planes - expected).square().mean() < 0.05 * expected.var(0).mean()
    torch.testing.assert_close(tokenizer.basis.T @ tokenizer.basis, torch.eye(12))
    error = system.quantizer.errors(latents).mean() / latents.square().sum((1, 2)).mean()
    assert error < 0.9  # eight codewords do something


def test_what_no_camera_saw_does_not_count(faces):
    hidden = faces.copy()
    hidden[1:, :64, :, 3] = 0
    with_stripes = hidden.copy()
    with_stripes[1:, :64:2, :, :3] = 255
    bases = [fitted(f)[0].tokenizer.basis for f in (hidden, with_stripes)]
    assert torch.equal(*bases)
    assert not torch.equal(bases[0], fitted(faces)[0].tokenizer.basis)


def test_the_decoder_starts_as_a_shipped_one(faces):
    shape = {"cells": 4, "dimensions": 4}
    system, _ = fitted(faces, tokenizer=shape, base={"faces": 4, "start": "stc-open-1"})
    expected = load_modules(open_model("stc-open-1"))[1].state_dict()
    assert all(
        torch.equal(v, expected[k]) for k, v in system.tokenizer.decoder.state_dict().items()
    )
    with pytest.raises(
        StcError, match=r"the decoder of stc-open-1 has widths \(256, 160, 80, 48\)"
    ):
        fitted(faces, base={"start": "stc-open-1"})


def test_a_run_resumes_and_its_base_is_fitted_once(array, tmp_path, monkeypatch):
    whole = train(patches(), Sources(array), tmp_path / "whole")
    saved = RunFolder.save

    def killed(self, stage, state):
        if state["step"]:
            raise RuntimeError("killed")
        saved(self, stage, state)

    monkeypatch.setattr(RunFolder, "save", killed)
    with pytest.raises(RuntimeError, match="killed"):
        train(patches(), Sources(array), tmp_path / "killed", only="base")
    monkeypatch.undo()
    again = train(patches(), Sources(array), tmp_path / "killed")
    monkeypatch.delattr(PatchTraining, "step")
    shared = train(patches(), Sources(array), tmp_path / "third", base=tmp_path / "whole")
    loaded = load_system(patches(), tmp_path / "killed")
    for other in (again, shared, loaded):
        for name, value in whole.state_dict().items():
            assert torch.equal(other.state_dict()[name], value), name
    assert np.isfinite([float(p.sum()) for p in whole.parameters()]).all()
