"""Configurations: what is refused and how it is said, and that all shipped ones make sense."""

import math
import re

import pytest
import torch

from stc.errors import StcError
from stc.lab.training import configs
from stc.lab.training.config import LevelsRun, TokenizerRun, load, parse
from stc.lab.training.system import System
from tests.lab.tiny import TINY, tiny


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, r"^tiny: colour: no such key; there are about, "),
        ({"base": {"stepps": 1}}, r"^tiny: base\.stepps: no such key"),
        ({"base": {"steps": 1.5}}, r"^tiny: base\.steps: must be int, not 1\.5"),
        ({"base": {"steps": True}}, r"^tiny: base\.steps: must be int, not True"),
        ({"base": {"steps": -1}}, r"^tiny: base: steps must be at least 0, not -1"),
        ({"base": 3}, r"^tiny: base: must be a table, not 3"),
        ({"routing": "best"}, r"^tiny: routing: must be 'exhaustive' or 'learned', not 'best'"),
        ({"family": "wavelets"}, r"^tiny: family must be one of grid, .*, not 'wavelets'"),
        ({"arrangement": {"kind": "global"}}, r"^tiny: arrangement\.codewords: missing"),
        (
            {"arrangement": {"kind": "global", "codewords": 8, "groups": 2}},
            r"^tiny: arrangement: global has one group, not 2",
        ),
        ({"tokenizer": {"size": 100}}, r"^tiny: tokenizer: size 100 is not a multiple"),
        ({"tokenizer": {"multipliers": [1, "2"]}}, r"multipliers\[1\]: must be int, not '2'"),
        ({"tokenizer": {"published": True, "size": 1}}, r"no other keys"),
        ({"shared": {"decay": 1.0}}, r"^tiny: shared: decay must be in \[0, 1\), not 1\.0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes, message):
    with pytest.raises(StcError, match=message):
        tiny(**changes)


@pytest.mark.parametrize("name", [[1], "S-1"])
def test_an_unknown_published_size_is_refused(name):
    with pytest.raises(StcError, match=r"^titok-s-128: tokenizer\.published: "):
        load("titok-s-128", {"tokenizer": {"published": name}})


PATCHES = {"family": "patches", "tokenizer": {"cells": 4, "dimensions": 4}, "base": {}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": {"steps": 5}}, r"^tiny: base\.steps: no such key; there are faces, start"),
        ({"base": {"faces": 0}}, r"^tiny: base: faces must be at least 1, not 0"),
        ({"tokenizer": {"published": True}}, r"^tiny: tokenizer\.published: no such key"),
        ({"tokenizer": {"cells": 5}}, r"^tiny: tokenizer: cells must divide 32, not be 5"),
        ({"tokenizer": {"cells": 32, "dimensions": 7}}, r"dimensions must be 1 to 6, .*, not 7"),
    ],
)
def test_patches_take_only_what_means_something_to_them(changes, message):
    assert tiny(**PATCHES).base.steps == 1
    with pytest.raises(StcError, match=message):
        tiny(**{**PATCHES, **changes})


def test_values_arrive_as_their_types():
    config = tiny(base={"rate": 1}, tokenizer={"multipliers": [1, 2, 4]})
    assert isinstance(config.base.rate, float)
    assert config.tokenizer.multipliers == (1, 2, 4)
    sequence = {"tokens": 8, "encoder": [64, 1], "decoder": [64, 2]}
    assert tiny(family="sequence", tokenizer=sequence).tokenizer.decoder.depth == 2


def test_a_missing_table_is_named():
    values = {key: value for key, value in TINY.items() if key != "arrangement"}
    with pytest.raises(StcError, match=r"^tiny: arrangement: missing"):
        parse(values, "tiny")
    with pytest.raises(StcError, match=r"^x: fit: missing"):
        parse({"about": "", "family": "levels", "decoder": {"steps": 1}}, "x")


def test_files_extend_each_other(tmp_path):
    (tmp_path / "_a.toml").write_text('family = "grid"\n[base]\nsteps = 1\nbatch = 2')
    (tmp_path / "b.toml").write_text('extends = "_a"\nseed = 3\n[base]\nsteps = 5')
    assert configs.read(str(tmp_path / "b.toml")) == {
        "family": "grid",
        "seed": 3,
        "base": {"steps": 5, "batch": 2},
    }
    (tmp_path / "_a.toml").write_text('extends = "b"')
    with pytest.raises(StcError, match="extends itself"):
        configs.read(str(tmp_path / "b.toml"))
    (tmp_path / "b.toml").write_text("extends = ")
    with pytest.raises(StcError, match=r"b\.toml: "):
        configs.read(str(tmp_path / "b.toml"))
    with pytest.raises(StcError, match="no such configuration"):
        configs.read(str(tmp_path / "c.toml"))
    with pytest.raises(StcError, match="no configuration '_tokenizer'"):
        configs.read("_tokenizer")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=1", {"seed": 1}),
        ("decoder.rate=1e-4", {"decoder": {"rate": 1e-4}}),
        ("tokenizer.multipliers=[1, 2]", {"tokenizer": {"multipliers": [1, 2]}}),
        ("arrangement.kind=global", {"arrangement": {"kind": "global"}}),
    ],
)
def test_changes_on_the_command_line(text, values):
    assert configs.change(text) == values


def test_a_change_needs_key_and_value():
    with pytest.raises(StcError, match="write KEY=VALUE"):
        configs.change("seed")


@pytest.mark.parametrize("name", configs.shipped())
def test_every_shipped_configuration_builds(name):
    config = load(name)
    assert config.about
    if isinstance(config, LevelsRun):
        assert config.decoder.steps > 0
        return
    assert isinstance(config, TokenizerRun)
    with torch.device("meta"):
        system = System(config)
        for stage in ("shared", "specific"):
            system.advance(stage)
    stated = int(re.search(r"(\d+) bytes", config.about)[1])
    bits = config.arrangement.bits(system.tokenizer.tokens)
    assert stated in (bits // 8, math.ceil(bits / 8))
    assert (system.router is not None) == (config.routing == "learned")
    assert all(getattr(config, stage).steps for stage in config.stages)


def test_every_row_of_the_ablation_has_equal_steps_and_base():
    rows = [load(name) for name in configs.shipped() if name.startswith("ablation/")]
    plans = {tuple(getattr(r, s).steps for s in r.stages) for r in rows}
    assert len(plans) == 1
    for codewords in (64, 256):
        own = [r for r in rows if r.arrangement.codewords == codewords]
        assert len(own) == 12
        assert len({(r.tokenizer, r.base, r.decoder) for r in own}) == 1
