"""The fit: every level removes error, and what a file will hold is what it was fitted to."""

import numpy as np
import pytest
import torch

from stc.codec.torch.canvas import to_planes
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.load import load_modules
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.errors import StcError
from stc.lab.training.collection import Collection
from stc.lab.training.data import to_tensors
from stc.lab.training.export import export
from stc.lab.training.fit import FitPlan, LevelPlan, fit, fit_level, fit_levels
from stc.lab.training.metric import parity
from stc.lab.training.packing import pack_metric
from stc.lab.training.subspace import MIRROR
from tests.stand_ins import FlatRecogniser


def plan(*levels, **values):
    return FitPlan(
        levels=levels,
        **{
            "codewords": 8,
            "identity_faces": 30,
            "metric_rank": 6,
            "identity_components": 8,
            **values,
        },
    )


@pytest.fixture
def tokenizer():
    """24 components and no level yet."""
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(24, 1, [])
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(6144, 24)).Q)
    return tokenizer


@pytest.mark.parametrize("identity", [0.0, 4.0])
def test_a_level_removes_error_and_nearly_inverts_its_transform(identity):
    torch.manual_seed(0)
    rest = torch.randn(4000, 48) * torch.logspace(1, -3, 48).sqrt()
    own = LevelPlan(6, identity)
    factor = pack_metric(torch.randn(48, 20) / 7)[1]
    level, packed, groups = fit_level(
        rest, torch.ones(len(rest)), factor, own, plan(own, codewords=64)
    )
    assert groups is None
    used = (level.synthesis != 0).any(1)
    assert packed["codebooks.scale"].shape == (int(used.sum()),)
    product = level.analysis[:, used].T @ level.synthesis[used].T
    torch.testing.assert_close(product, torch.eye(int(used.sum())), atol=0.05, rtol=0)
    group = torch.zeros(len(rest), dtype=torch.long)
    left = rest - level.decode(level.encode(rest, group), group)
    assert left.square().sum() < 0.35 * rest.square().sum()


def test_levels_share_a_factor_where_none_is_new(tokenizer):
    z = (torch.randn(300, 24) * torch.logspace(1, -1, 24)).half()
    levels = LevelPlan(2, 1.0), LevelPlan(2, 0.5, new_factor=False), LevelPlan(2, 0.0)
    fit_levels(z, tokenizer, torch.ones(len(z)), torch.randn(30, 6144), plan(*levels))
    first, second, third = (level.factor for level in tokenizer.levels)
    assert torch.equal(first, second)
    assert not torch.equal(second, third)
    none = torch.zeros(len(z), dtype=torch.long)
    left = z.float() - tokenizer.dequantize(tokenizer.quantize(z.float(), none), none)
    assert left.square().sum() < 0.3 * z.float().square().sum()


def test_groups_have_codebooks_of_their_own_in_the_first_levels_alone():
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(24, 3, [])
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(6144, 24)).Q)
    z = (torch.randn(300, 24) * torch.logspace(1, -1, 24)).half()
    levels = LevelPlan(2, 1.0, own=True), LevelPlan(2, 0.5, new_factor=False, own=True)
    all_levels = *levels, LevelPlan(2, 0.2, new_factor=False)
    packed = fit_levels(
        z, tokenizer, torch.ones(300), torch.randn(30, 6144), plan(*all_levels, groups=3, pull=1.0)
    )
    assert [shape.groups for shape in tokenizer.shapes] == [3, 3, 1]
    assert packed["levels.1.codebooks.scale"].shape == packed["levels.1.synthesis.scale"].shape
    assert float(tokenizer.group_bits.exp2().reciprocal().sum()) == pytest.approx(1)
    found = [len(tokenizer.encode_groups(z[:5].float(), keep)) for keep in (1, 3)]
    assert found == [1, 3]


def test_too_few_faces_for_a_level_are_refused():
    own = LevelPlan(6, 1.0)
    with pytest.raises(StcError, match="no residual is left for a level of 6 tokens"):
        fit_level(torch.zeros(50, 8), torch.ones(50), torch.zeros(8, 0), own, plan(own))


@pytest.mark.parametrize(
    ("levels", "groups", "message"),
    [
        ((LevelPlan(2, 1.0), LevelPlan(2, 1.0, own=True)), 2, "must come after"),
        ((LevelPlan(2, 1.0),), 2, "2 groups have 0 levels"),
        ((LevelPlan(2, 1.0, own=True),), 1, "1 groups have 1 levels"),
    ],
)
def test_groups_that_make_no_sense_are_refused(levels, groups, message):
    with pytest.raises(ValueError, match=message):
        plan(*levels, groups=groups)


@pytest.mark.gate
def test_a_fit_holds_most_of_the_faces_and_comes_back_from_a_file(faces, tmp_path):
    """Of faces [24, 128, 128, 4], some of whose borders no camera saw."""
    torch.manual_seed(0)
    held = np.arange(len(faces)) % 9 == 0
    learned = Collection(faces, np.ones(len(faces), np.int64), held)
    own = LevelPlan(2, 1.0, own=True), LevelPlan(3, 0.5)
    fitted = fit(
        learned, [FlatRecogniser()], plan(*own, components=64, codewords=4, groups=2, pull=1.0)
    )
    tokenizer = fitted.tokenizer
    assert fitted.components.shape == (24, 64)
    assert tokenizer.level_sizes == [2, 3]
    planes = to_planes(to_tensors(faces[1::2])[0])
    z = tokenizer.components(planes)
    lost = (tokenizer.planes(z) - planes).square().mean() / planes.var(0).mean()
    assert lost < 0.1
    found = torch.from_numpy(fitted.components[1::2]).float()
    torch.testing.assert_close(found, z, atol=0.05, rtol=0.01)
    groups, indices = tokenizer.encode(z)
    rest = z - tokenizer.dequantize(indices, groups)
    assert rest.square().sum() < 0.9 * z.square().sum()
    mirrored = tokenizer.components(planes[:, MIRROR])
    torch.testing.assert_close(mirrored, z * parity(tokenizer), atol=1e-3, rtol=1e-3)
    once = np.ones(12, np.int64)
    model = export(
        tmp_path / "x", "x", tokenizer, Decoder((8, 8, 8, 8)), faces[1::2], once, fitted.packed
    )
    loaded, _ = load_modules(model)
    torch.testing.assert_close(loaded.basis, tokenizer.basis, atol=1e-6, rtol=1e-5)
    for one, other in zip(loaded.levels, tokenizer.levels, strict=True):
        torch.testing.assert_close(one.synthesis, other.synthesis, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(one.factor, other.factor, atol=1e-6, rtol=1e-5)
        books = one.codebooks.weight, other.codebooks.weight
        torch.testing.assert_close(*books, atol=1e-6, rtol=1e-5)
