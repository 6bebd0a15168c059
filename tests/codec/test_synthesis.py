"""Encoding by synthesis: lower losses by the eye, within the limit, reproducible."""

import re
import subprocess
import sys

import numpy as np
import pytest

from stc import Codec, Settings, bitstream
from stc.codec import eye, synthesis
from stc.codec.limit import Limit
from stc.codec.synthesis import PLANS, Plan, improve
from stc.codec.tokens import Tokens
from stc.errors import BudgetError
from stc.settings import MAX_EFFORT
from tests.codec.small import first_levels


@pytest.fixture(scope="module")
def faces(canvas):
    """Six canvases: a face, then moved, mirrored and dark; noise; black."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    kinds = canvas, np.roll(canvas, 3, 0), canvas[:, ::-1], canvas // 2, noise, noise * 0
    return np.stack(kinds)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A codec of two levels and three groups."""
    return Codec(first_levels(tmp_path_factory.mktemp("model") / "small.safetensors", 2, 3).path)


def files(codec, faces, **changes):
    return [one.unwrap().data for one in codec.encode_batch(faces, **changes)]


def far(codec, faces, data, effort):
    """The losses of files against their faces, with the perceptual weight of an effort."""
    loss = eye.open_eye().loss_against(faces, PLANS[effort - 1].perception)
    return loss.losses(codec.decode_batch(data))


@pytest.mark.parametrize("effort", [1, 4])
def test_files_are_never_worse_by_the_eye_and_no_longer(codec, faces, effort):
    nearest = files(codec, faces, max_bytes=64, effort=0)
    found = files(codec, faces, max_bytes=64, effort=effort)
    before, after = (far(codec, faces, data, effort) for data in (nearest, found))
    assert (after <= before).all()
    assert after[:3].mean() < 0.98 * before[:3].mean()
    assert max(map(len, found)) <= 64


def test_more_effort_is_better_on_average(codec, faces):
    one, five = (far(codec, faces, files(codec, faces, effort=n), 5) for n in (1, 5))
    assert five[:4].mean() < one[:4].mean()


@pytest.mark.parametrize("groups", [False, True], ids=["shipped", "three groups"])
def test_a_file_is_the_same_twice_alone_and_on_any_threads(
    codec, small, faces, groups, monkeypatch
):
    codec = small if groups else codec
    together = files(codec, faces, max_bytes=60, effort=2)
    if groups:
        assert len({codec.read_tokens(data)[0] for data in together}) > 1
    for number in ("1", "3"):
        monkeypatch.setenv("STC_THREADS", number)
        assert files(codec, faces, max_bytes=60, effort=2) == together
    assert [files(codec, one[None], max_bytes=60, effort=2)[0] for one in faces] == together
    monkeypatch.setattr("stc.codec.engine.IMPROVED", 4)
    assert files(codec, faces, max_bytes=60, effort=2) == together


def test_without_a_compiler_a_file_is_the_same_alone(small, faces, monkeypatch):
    monkeypatch.setenv("STC_CORE", "portable")
    codec = Codec(small.model)
    together = files(codec, faces[:2], max_bytes=40, effort=1)
    assert files(codec, faces[1:2], max_bytes=40, effort=1) == together[1:]


@pytest.mark.parametrize("limit", [16, 33, 192])
def test_what_is_no_face_stays_within_the_limit(codec, noise, limit):
    flat = np.full_like(noise[:1], 255)
    steps = np.repeat(np.repeat(noise[:1, :2, :2], 64, 1), 64, 2)  # four squares
    found = files(codec, np.concatenate([noise[:1], flat, steps]), max_bytes=limit, effort=3)
    assert all(len(data) <= limit for data in found)
    assert codec.decode_batch(found).shape[0] == 3


def test_too_few_bytes_are_the_same_error_as_ever(codec, canvas):
    (found,) = codec.encode_batch(canvas[None], max_bytes=3, effort=1)
    (nearest,) = codec.encode_batch(canvas[None], max_bytes=3, effort=0)
    assert isinstance(found.error, BudgetError)
    said = [re.sub(r"\d bytes", "N bytes", str(one.error)) for one in (found, nearest)]
    assert said[0] == said[1]


def test_a_level_is_a_level_at_any_effort(codec, canvas):
    for effort in (0, 1):
        (found,) = codec.encode_batch(canvas[None], stages=2, effort=effort)
        assert found.tokens == sum(codec.model.level_sizes[:2])


def test_no_effort_needs_no_eye(codec, canvas, monkeypatch):
    monkeypatch.setattr(eye._shipped, "_opened", [])
    monkeypatch.setattr(eye, "WEIGHTS", eye.WEIGHTS.with_name("nowhere.onnx"))
    assert codec.encode_batch(canvas[None], effort=0)[0].error is None


def test_no_effort_and_no_decoder_load_any_of_it():
    program = (
        "import stc, sys; stc.decode(stc.encode('tests/assets/astronaut.png', effort=0));"
        "sys.exit(int(bool({'stc.codec.eye', 'stc.codec.synthesis'} & sys.modules.keys())))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_there_is_a_plan_for_every_effort():
    assert len(PLANS) == MAX_EFFORT
    assert sorted(plan.rounds for plan in PLANS) == [plan.rounds for plan in PLANS]


class SynthesisEngine:
    """A test double of an engine: returns the given losses; indices count the searches."""

    def __init__(self, *losses):
        self.remaining, self.aims = list(losses), []

    def losses(self, tokens):
        return np.array(self.remaining.pop(0), np.float32)

    def gradients(self, tokens):
        losses = self.losses(tokens)
        return losses, np.ones((len(losses), 5), np.float32)

    def refine(self, components, tokens):
        self.aims.append(components)
        return Tokens(tokens.groups, tokens.indices + 1, tokens.counts)


def start(codec, faces, tokens=3, group=0, **settings):
    """Components; nearest tokens, all zero; and a limit."""
    longs = np.zeros(faces, np.int64)
    nearest = Tokens(longs + group, np.zeros((faces, tokens), np.int64), longs + tokens)
    limit = Limit.of(codec.model.tables, Settings(**settings))
    return np.zeros((faces, 5), np.float32), [nearest], limit


def test_the_best_of_all_rounds_is_kept(codec):
    engine = SynthesisEngine([3, 1, 2, 2], [2, 2, np.nan, 2], [1, 3, np.nan, 3], [2, 4, 3, 1])
    found = improve(engine, *start(codec, 4, stages=1), Plan(3))
    assert found.indices[:, 0].tolist() == [2, 0, 0, 3]
    assert engine.remaining == []


def test_a_step_has_the_length_that_the_plan_says(codec):
    engine = SynthesisEngine([1.0], [1.0], [1.0])
    improve(engine, *start(codec, 1, max_bytes=192), Plan(2, step=0.5, anchor=0.1))
    first, second = (float(np.linalg.norm(aim)) for aim in engine.aims)
    assert first == pytest.approx(0.5)
    assert second == pytest.approx(0.5 + 0.9 * 0.5)


@pytest.mark.parametrize(("max_bytes", "times"), [(192, 1), (96, 1), (64, 1.5), (48, 2), (32, 2)])
def test_short_files_take_longer_steps(codec, max_bytes, times):
    engine = SynthesisEngine([1.0], [1.0], [1.0])
    improve(engine, *start(codec, 1, max_bytes=max_bytes), Plan(1, step=0.2))
    assert np.linalg.norm(engine.aims[0]) == pytest.approx(0.2 * times)


def test_the_best_of_all_groups_is_kept(small):
    """Each start is improved separately; the first one is kept if no other is better."""
    components, starts, limit = start(small, 3, stages=1)
    starts += start(small, 3, tokens=5, group=2, stages=1)[1]
    engine = SynthesisEngine([2, 2, 2], [1, 3, 3], [3, 3, 2], [4, 1, np.nan])
    found = improve(engine, components, starts, limit, Plan(1))
    assert found.groups.tolist() == [0, 2, 0]
    assert found.indices[:, 0].tolist() == [1, 1, 0]
    assert found.counts.tolist() == [3, 5, 3]


def test_the_highest_effort_tries_other_groups(small, faces):
    """The losses are lower than those of the rounds in one group."""
    assert PLANS[-1].groups > 1
    one = small.encode_batch(faces, max_bytes=40, effort=7)
    more = small.encode_batch(faces, max_bytes=40, effort=9)
    losses = [far(small, faces, [f.unwrap().data for f in some], 9) for some in (one, more)]
    assert losses[1].sum() < losses[0].sum()


def test_a_flat_slope_leaves_the_aim_where_it_is(codec):
    engine = SynthesisEngine([1.0], [1.0])
    engine.gradients = lambda tokens: (np.ones(1, np.float32), np.zeros((1, 5), np.float32))
    improve(engine, *start(codec, 1, stages=1), Plan(1))
    assert not engine.aims[0].any()


def test_tokens_that_the_entropy_coder_takes_are_missed(codec, monkeypatch):
    """If the predicted size was too low, the shorter tokens are measured again."""

    def shorter(tables, group, indices, most, *, bare):
        return len(indices) - int(indices[0] > 0)

    monkeypatch.setattr(synthesis, "longest_prefix", shorter)
    engine = SynthesisEngine([2, 2], [1, 1], [1.5, 3])
    found = improve(engine, *start(codec, 2, max_bytes=99), Plan(1))
    assert found.indices[:, 0].tolist() == [1, 0]
    assert found.counts.tolist() == [2, 3]


def test_the_forecast_is_what_the_limit_is_held_to(codec, small):
    """The predicted lengths, in several groups, match the entropy coder's to within 1.5 bytes."""
    rng = np.random.default_rng(1)
    tables = small.model.tables
    tokens = Tokens(
        np.arange(3), rng.integers(0, 256, (3, tables.tokens)), np.full(3, tables.tokens)
    )
    lengths = Limit.of(tables, Settings()).lengths(tokens)[:, -1] / (8 << 16)
    for row in range(3):
        size = len(bitstream.pack(b"\0\0", tables, *tokens.face(row), bare=True))
        assert lengths[row] == pytest.approx(size - 1.5, abs=1.5)
