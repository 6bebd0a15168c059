"""A run of a base tokenizer: every stage resumes exactly, and what cannot be is said in a line."""

import json
import shutil

import pytest
import torch

from stc.errors import StcError
from stc.lab.training.codebooks import CodebookTraining
from stc.lab.training.config import STAGES
from stc.lab.training.pictures import PictureStage
from stc.lab.training.run import RunFolder
from stc.lab.training.stages import Sources, load_system, train
from stc.lab.training.system import System, drawing_parameters
from tests.lab.tiny import tiny


@pytest.fixture(scope="module")
def whole(array, tmp_path_factory):
    """The folder of a run that was never interrupted, and the system it left."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, train(tiny(), Sources(array), folder)


def leaves(value, where=""):
    """Every number and tensor of a stage's file by its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{where}/{key}")
    elif isinstance(value, list | tuple):
        yield from leaves(dict(enumerate(value)), where)
    else:
        yield where, value


@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_stage_ends_as_one_that_never_stopped(stage, whole, array, tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    shutil.copytree(whole[0], folder)
    for later in STAGES[STAGES.index(stage) :]:
        (folder / f"{later}.pt").unlink()
    kind = CodebookTraining if stage in ("shared", "specific") else PictureStage
    step = kind.step

    def killed(self, number):
        if number == 3:  # its checkpoint is from the second step: the third is lost
            raise RuntimeError("killed")
        return step(self, number)

    monkeypatch.setattr(kind, "step", killed)
    with pytest.raises(RuntimeError, match="killed"):
        train(tiny(), Sources(array), folder, only=stage)
    assert RunFolder.existing(folder).load(stage)["step"] == 2
    monkeypatch.undo()
    train(tiny(), Sources(array), folder, only=stage)
    expected = dict(leaves(RunFolder.existing(whole[0]).load(stage)))
    found = dict(leaves(RunFolder.existing(folder).load(stage)))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(found[key], value, rtol=0, atol=0)
        else:
            assert found[key] == value, key


def test_stages_change_what_they_train_and_nothing_else(whole):
    kept = {stage: RunFolder.existing(whole[0]).load(stage)["weights"] for stage in STAGES}
    assert [list(kept[s]) for s in STAGES] == [
        ["tokenizer", "quantizer"],
        ["quantizer", "router"],
        ["quantizer", "router"],
        ["tokenizer"],
        ["tokenizer", "quantizer"],
    ]
    shapes = [tuple(kept[s]["quantizer"]["codebooks"].shape) for s in STAGES[:3]]
    assert shapes == [(1, 1, 8, 4), (2, 1, 8, 4), (2, 16, 8, 4)]
    decoder = drawing_parameters(System(tiny()).tokenizer)
    for name, value in kept["decoder"]["tokenizer"].items():
        same = torch.equal(value, kept["base"]["tokenizer"][name])
        assert same == (name not in decoder), name
    for name, value in kept["joint"]["tokenizer"].items():
        assert not torch.equal(value, kept["decoder"]["tokenizer"][name]), name


def test_a_finished_run_is_not_trained_again_and_loads(whole, array, monkeypatch):
    folder, system = whole
    monkeypatch.delattr(PictureStage, "step")
    monkeypatch.delattr(CodebookTraining, "step")
    again = train(tiny(), Sources(array), folder)
    loaded = load_system(tiny(), folder)
    for other in (again, loaded):
        for name, value in system.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, rtol=0, atol=0)


def test_it_writes_metrics_and_sheets(whole):
    rows = [json.loads(line) for line in (whole[0] / "metrics.jsonl").read_text().splitlines()]
    assert {(row["stage"], row["step"]) for row in rows} == {(stage, 4) for stage in STAGES}
    assert {path.stem for path in (whole[0] / "sheets").iterdir()} == {
        f"{s}-000004" for s in STAGES
    }
    figures = {key for row in rows if row["stage"] == "specific" for key in row}
    assert {"error", "dead", "routed_right", "held_out_error", "held_out_psnr"} <= figures


def test_another_run_may_share_the_base(whole, array, tmp_path):
    switched = tiny(arrangement={"kind": "global", "codewords": 8}, routing="exhaustive", seed=1)
    system = train(switched, Sources(array), tmp_path / "other", base=whole[0])
    assert not (tmp_path / "other" / "base.pt").exists()
    assert not (tmp_path / "other" / "latents.npy").exists()
    assert system.router is None
    another = tiny(tokenizer={"downsampling": 16, "stem": 8, "channels": 8, "dimensions": 4})
    with pytest.raises(StcError, match="does not fit this run: its tokenizer differs"):
        train(another, Sources(array), tmp_path / "third", base=whole[0])
    with pytest.raises(StcError, match="is not the folder of a run"):
        train(switched, Sources(array), tmp_path / "fourth", base=tmp_path / "nothing")


def test_what_is_missing_is_said(array, tmp_path):
    with pytest.raises(StcError, match=r"stage base comes first and has not been started"):
        train(tiny(), Sources(array), tmp_path, only="shared")
    with pytest.raises(StcError, match=r"no stage 'fit' in this run: there are base, shared"):
        train(tiny(), Sources(array), tmp_path, only="fit")
    needy = tiny(base={"steps": 1, "batch": 2, "perception": 0.0})
    with pytest.raises(StcError, match="needs --recogniser FILE"):
        train(needy, Sources(array), tmp_path / "needy")
    with pytest.raises(StcError, match=r"none\.onnx: no such file"):
        train(needy, Sources(array, (tmp_path / "none.onnx",)), tmp_path / "needy")
    with pytest.raises(FileNotFoundError, match="no tar files"):
        train(tiny(), Sources(tmp_path), tmp_path / "empty")


def test_a_folder_belongs_to_one_configuration(whole, array):
    with pytest.raises(StcError, match=r"belongs to another run: routing is 'learned' there and"):
        train(tiny(routing="exhaustive"), Sources(array), whole[0])
    more = tiny(shared={"steps": 5, "batch": 16, "save_every": 2})
    with pytest.raises(StcError, match="stage shared was started for 4 steps, not 5"):
        train(more, Sources(array), whole[0])
