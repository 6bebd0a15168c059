"""The pieces of the fit, on numbers small enough to check."""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.training.clustering import kmeans
from stc.lab.training.data import load_faces, to_tensors
from stc.lab.training.fit import FitPlan, LevelPlan, allot, fit_level, fit_levels


def test_allot_deals_every_useful_axis_once():
    variance = torch.logspace(1, -4, 200)
    dealt, theta = allot(variance, tokens=10, bits=8, fill=0.9)
    axes = [axis for token in dealt for axis in token]
    assert sorted(axes) == list(range(int((variance > theta).sum())))
    bits = [sum(0.5 * np.log2(variance[a].item() / theta) for a in token) for token in dealt]
    assert sum(bits) == pytest.approx(10 * 8 * 0.9, rel=1e-3)
    assert max(bits) < 1.3 * min(bits)


def test_kmeans_finds_well_separated_clusters():
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    points = torch.cat(
        [c + 0.1 * torch.randn(n, 2) for c, n in zip(centres, (400, 300, 200, 100), strict=True)]
    )
    best = min(
        (kmeans(points, torch.ones(len(points)), 4) for _ in range(5)),
        key=lambda c: torch.cdist(points, c).min(1).values.sum().item(),
    )
    torch.testing.assert_close(best, centres, atol=0.1, rtol=0)  # also: most used first


def test_kmeans_counts_a_face_by_its_weight():
    torch.manual_seed(0)
    points = torch.cat([torch.zeros(50, 1), torch.ones(50, 1)])
    weight = torch.cat([torch.ones(50), torch.full((50,), 3.0)])
    torch.testing.assert_close(kmeans(points, weight, 1), torch.tensor([[0.75]]))


@pytest.mark.parametrize("identity", [0.0, 4.0])
def test_a_level_removes_error_and_inverts_its_transform(identity):
    torch.manual_seed(0)
    power = torch.logspace(1, -3, 48)
    rest = torch.randn(4000, 48) * power.sqrt()
    jacobian = torch.randn(48, 48) / 7
    metric = jacobian.T @ jacobian
    level = fit_level(rest, torch.ones(len(rest)), metric, LevelPlan(6, identity), 64, 0.92)
    used = (level.analysis != 0).any(0)
    product = level.analysis[:, used].T @ level.synthesis[used].T
    torch.testing.assert_close(product, torch.eye(int(used.sum())), atol=1e-4, rtol=0)
    group = torch.zeros(len(rest), dtype=torch.long)
    left = rest - level.decode(level.encode(rest, group), group)
    assert left.square().sum() < 0.35 * rest.square().sum()


def test_levels_share_a_metric_where_none_is_sampled():
    torch.manual_seed(0)
    tokenizer = LevelTokenizer(24, 1, [])
    tokenizer.basis.copy_(torch.linalg.qr(torch.randn(6144, 24)).Q)
    seen = []

    def recogniser(rgb):
        seen.append(len(rgb))
        return torch.nn.functional.normalize(rgb[:, :, ::16, ::16].flatten(1).float())

    z = (torch.randn(300, 24) * torch.logspace(1, -1, 24)).half()
    plan = FitPlan(
        levels=(
            LevelPlan(2, identity=1.0),
            LevelPlan(2, identity=0.5, sampled=False),
            LevelPlan(2, identity=0.0),
        ),
        codewords=8,
        metric_faces=30,
    )
    fit_levels(z.numpy(), tokenizer, torch.ones(len(z)), recogniser, plan)
    assert seen == [30, 30]
    assert [level.components for level in tokenizer.levels] == [24, 24, 24]
    none = torch.zeros(len(z), dtype=torch.long)
    left = z.float() - tokenizer.dequantise(tokenizer.quantise(z.float(), none), none)
    assert left.square().sum() < 0.3 * z.float().square().sum()


def test_faces_are_read_from_tars_and_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[1, :40, :, 3] = 0
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for i, image in enumerate(pixels):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "WEBP", lossless=True, exact=True)
            member = tarfile.TarInfo(f"{i}.webp")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    faces = load_faces(tmp_path, tmp_path / "faces.npy")
    np.testing.assert_array_equal(faces, pixels)
    (tmp_path / "a.tar").unlink()
    rgb, mask = to_tensors(load_faces(tmp_path, tmp_path / "faces.npy")[:2].copy())
    assert rgb.shape == (2, 3, 128, 128)
    assert mask.mean((1, 2, 3)).tolist() == [1.0, pytest.approx(88 / 128)]
    with pytest.raises(FileNotFoundError, match="no tar files"):
        load_faces(tmp_path, tmp_path / "other.npy")
