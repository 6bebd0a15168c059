"""Groups: codebooks per group in some levels, shared in others; and the choice of the group."""

import numpy as np
import pytest

from stc import Settings
from stc.codec.core import open_core
from stc.codec.limit import Limit
from stc.codec.matrix import Matrix
from stc.codec.metric import Metric
from stc.codec.model_file import save_model
from stc.codec.tokenizer import Tokenizer
from stc.errors import ModelError, WrongModelError
from tests.codec.models import save_odd_model

GROUPS = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "odd.safetensors"
    return save_odd_model(path, (3, 5, 2, 4), 6, GROUPS, encoder=True)


@pytest.fixture(scope="module")
def tokenizer(model):
    return Tokenizer(model, open_core(model))


@pytest.fixture(scope="module")
def components(tokenizer):
    canvases = np.random.default_rng(0).integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)
    return tokenizer.analyse(canvases)


def dense(matrix):
    return matrix.values * matrix.scale.astype(np.float64)


def test_an_analysis_is_the_metric_times_the_synthesis(model):
    for number in (0, 1, 2):
        metric, synthesis = model.metric(number), model.matrix(f"levels.{number}.synthesis")
        factor = np.zeros((len(synthesis.values), 0))
        if number < 2:
            factor = dense(model.matrix(f"encoder.metrics.{number}"))[: len(synthesis.values)]
        expected = dense(synthesis) + 0.5 * factor @ factor.T @ dense(synthesis)
        found = dense(metric.analysis(synthesis))
        step = np.abs(expected).max(0) / 127
        assert (np.abs(found - expected) <= 0.51 * step).all()


def test_a_size_is_taken_in_the_metric_of_the_first_components():
    generator = np.random.default_rng(1)
    factor, rest = generator.normal(size=(4, 2)), generator.normal(size=(5, 7))
    metric = Metric(factor.astype(np.float32), np.float32(2))
    whole = np.eye(7)
    whole[:4, :4] += 2 * factor @ factor.T
    expected = np.einsum("bi,ij,bj->b", rest, whole, rest)
    np.testing.assert_allclose(metric.size(rest.astype(np.float32)), expected, rtol=1e-5)
    plain = Metric(np.zeros((4, 0), np.float32), np.float32(0))
    np.testing.assert_allclose(plain.size(rest.astype(np.float32)), (rest**2).sum(1), rtol=1e-5)
    assert metric.size(np.zeros((0, 7), np.float32)).shape == (0,)


def test_columns_of_nothing_are_read_as_nothing():
    metric = Metric(np.ones((4, 2), np.float32), np.float32(1))
    found = metric.analysis(Matrix(np.zeros((4, 3), np.int8), np.ones(3, np.float32)))
    assert not found.values.any()
    assert np.isfinite(found.scale).all()


@pytest.mark.parametrize("settings", [{}, {"stages": 1}, {"max_bytes": 12}, {"stages": 2}])
def test_the_best_group_costs_least(model, tokenizer, components, settings):
    """The best group by definition: each group is encoded alone and measured as documented."""
    limit = Limit.of(model.tables, Settings(**settings))
    ranked = tokenizer.encode_groups(components, limit, GROUPS)
    costs = np.zeros((len(components), GROUPS))
    for face, rest in enumerate(components[:, None]):
        kept = []
        for group in range(GROUPS):
            left, found, groups = rest.copy(), [], np.array([group])
            lengths, spent = [], model.tables.group_costs[group]
            for number in (0, 1):
                level = tokenizer.levels[number]
                indices = level.encode(left, groups)
                every = np.full(1, level.tokens)
                left[:, : level.components] -= level.decode(indices, groups, every)
                found.append(indices)
                own = model.tables.costs[number][group, np.arange(level.tokens), indices[0]]
                lengths += (spent + own.cumsum()).tolist()
                spent = lengths[-1]
            count = int(limit.counts(np.array([lengths]))[0])
            kept.append((group, np.concatenate(found, 1), count, lengths[count - 1] / 65536))
        reached = max(count for _, _, count, _ in kept)
        last = tokenizer.levels[0 if reached <= tokenizer.levels[0].tokens else 1]
        for group, indices, count, bits in kept:
            tokens = type(ranked[0])(np.array([group]), indices, np.array([count]))
            left = rest - tokenizer.dequantize(tokens)
            costs[face, group] = last.metric.size(left)[0] + last.price * bits
    order = np.array([tokens.groups for tokens in ranked]).T
    found = np.take_along_axis(costs, order, 1)
    assert (np.diff(found, axis=1) >= -1e-6 * found[:, 1:]).all()
    assert {tuple(sorted(row)) for row in order.tolist()} == {(0, 1, 2)}


def test_what_is_kept_begins_with_the_best(model, tokenizer, components):
    limit = Limit.of(model.tables, Settings())
    best = tokenizer.encode(components, limit)
    for keep in (1, 2, 9):
        ranked = tokenizer.encode_groups(components, limit, keep)
        assert len(ranked) == min(keep, GROUPS)
        np.testing.assert_array_equal(ranked[0].indices, best.indices)
        np.testing.assert_array_equal(ranked[0].groups, best.groups)


@pytest.mark.parametrize("settings", [{}, {"max_bytes": 12}])
def test_a_face_has_the_same_tokens_alone(model, tokenizer, components, settings):
    limit = Limit.of(model.tables, Settings(**settings))
    together = tokenizer.encode(components, limit)
    for face in range(len(components)):
        alone = tokenizer.encode(components[face : face + 1], limit)
        count = int(alone.counts[0])
        assert (alone.groups[0], count) == (together.groups[face], together.counts[face])
        np.testing.assert_array_equal(alone.indices[0, :count], together.indices[face, :count])


def test_groups_draw_a_shared_level_alike(tokenizer):
    level, indices = tokenizer.levels[2], np.array([[3, 9]])
    drawn = [level.decode(indices, np.array([g]), np.array([2])) for g in range(GROUPS)]
    np.testing.assert_array_equal(drawn[0], drawn[2])
    own = tokenizer.levels[0]
    drawn = [own.decode(np.array([[1, 2, 3]]), np.array([g]), np.array([3])) for g in (0, 1)]
    assert (drawn[0] != drawn[1]).any()


CHANGES = {
    "no such metric": {"encoder.levels.0.metric": np.array([7], np.uint8)},
    "too few rows": {"encoder.metrics.0": np.zeros((19, 5), np.int8)},
    "no scale": {"encoder.metrics.0.scale": np.ones(4, np.float16)},
    "infinite": {"encoder.levels.0.identity": np.array([np.inf], np.float32)},
    "no number": {"encoder.levels.0.identity": np.array([np.nan], np.float32)},
    "negative": {"encoder.levels.0.identity": np.array([-1], np.float32)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_metrics_that_are_none_are_refused(model, change, tmp_path):
    changed = save_model(tmp_path / "changed.safetensors", "changed", {**model.read(), **change})
    with pytest.raises(WrongModelError):
        changed.metric(0)


def test_numbers_too_large_to_encode_with_are_a_model_error(model, components, tmp_path):
    scale = model.array("encoder.metrics.0.scale")
    huge = {
        "encoder.levels.0.identity": np.array([3e38], np.float32),
        "encoder.metrics.0.scale": np.full_like(scale, 6e4),
    }
    large = save_model(tmp_path / "large.safetensors", "large", {**model.read(), **huge})
    tokenizer = Tokenizer(large, open_core(large))
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="large cannot encode"):
        tokenizer.encode(components, Limit.of(large.tables, Settings()))


def test_the_encoders_part_is_not_in_the_fingerprint(model, tmp_path):
    arrays = {name: own for name, own in model.read().items() if not name.startswith("encoder.")}
    decoder = save_model(tmp_path / "decoder.safetensors", "decoder", arrays)
    assert decoder.fingerprint == model.fingerprint
