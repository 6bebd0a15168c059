"""What the losses see, and what they do not."""

import torch

from stc.lab.training.losses import lattice_error


def test_a_mesh_is_seen_and_smooth_errors_and_noise_are_not():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    mesh = 0.1 * torch.cos(x * torch.pi / 2)  # repeats every 4 pixels, of power 0.005
    noise = 0.1 * torch.randn(64, 64, generator=torch.manual_seed(0))
    pictures = torch.stack([mesh, 0.01 * x - 0.003 * y, noise])[:, None].expand(-1, 3, -1, -1)
    seen, smooth, random = lattice_error(pictures).tolist()
    assert 0.004 < seen < 0.008
    assert smooth < 1e-5
    assert random < 0.01 / 40  # 64 pixels of each phase in a tile


def test_the_whole_error_is_counted_by_face():
    errors = torch.zeros(2, 3, 64, 64)
    errors[1, :, ::4, ::4] = 1
    first, second = lattice_error(errors).tolist()
    assert first == 0
    assert second > 0.01
