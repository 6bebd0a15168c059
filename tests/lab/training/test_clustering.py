"""k-means, on points whose clusters are known."""

import torch

from stc.lab.training.clustering import kmeans


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
