"""PSNR and SSIM: compared with their definitions, and with torchmetrics if it is installed."""

import numpy as np
import pytest

from stc.imaging import frame
from stc.imaging.similarity import psnr, ssim


@pytest.fixture(scope="module")
def pairs():
    """Four pictures, and the same with noise of four strengths, uint8 [4, 128, 128, 3]."""
    face = frame("tests/assets/astronaut.png")
    source = np.stack([face, face[::-1], 255 - face, np.zeros_like(face)])
    strength = np.array([3, 10, 40, 1])[:, None, None, None]
    noise = np.random.default_rng(0).normal(0, strength, source.shape)
    return source, np.clip(source + noise, 0, 255).astype(np.uint8)


def test_equal_pictures(pairs):
    assert psnr(pairs[0], pairs[0]).tolist() == [np.inf] * 4
    assert ssim(pairs[0], pairs[0]) == pytest.approx(1)


def test_psnr_is_its_definition():
    source = np.full((2, 16, 16, 3), 100, np.uint8)
    other = source.copy()
    other[0] += 10
    other[1, 0] -= 100  # a row of sixteen: mean squared error 625
    assert psnr(source, other) == pytest.approx(10 * np.log10(255**2 / np.array([100, 625])))


def test_ssim_of_plain_pictures_is_its_luminance_term():
    source = np.full((1, 20, 20, 3), 100, np.uint8)
    other = np.full((1, 20, 20, 3), 140, np.uint8)
    stable = (0.01 * 255) ** 2
    expected = (2 * 100 * 140 + stable) / (100**2 + 140**2 + stable)
    assert ssim(source, other) == pytest.approx(expected, abs=1e-6)


def test_both_agree_with_torchmetrics(pairs):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("torchmetrics.functional.image")
    source, other = (torch.from_numpy(x).permute(0, 3, 1, 2).double() for x in pairs)
    each = {"data_range": 255.0, "reduction": "none"}
    expected = metrics.structural_similarity_index_measure(other, source, **each)
    assert np.abs(ssim(*pairs) - expected.numpy()).max() < 1e-4
    expected = metrics.peak_signal_noise_ratio(other, source, **each, dim=(1, 2, 3))
    assert np.abs(psnr(*pairs) - expected.numpy()).max() < 1e-4


def test_pictures_that_do_not_fit_are_refused():
    small = np.zeros((1, 5, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="SSIM needs 6 pixels along each side"):
        ssim(small, small)
    with pytest.raises(ValueError, match="must both be"):
        psnr(small, small[:, :4])
