"""Make the file of the eye.

    python -m stc.lab.eye fr_feature.onnx lpips_alex.safetensors VIEWS.npz -o stc-eye-1.onnx

VIEWS is a file of `stc.lab.eye.views.Views.save`. The eye is the pruned network in 8 bits; with
--steps it gets a second head and is trained on both teachers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from stc.lab.eye.distil import DistilPlan, Targets, distil, with_second_head
from stc.lab.eye.graph import build
from stc.lab.eye.network import load_onnx
from stc.lab.eye.perception import fit
from stc.lab.eye.pruning import pruned
from stc.lab.eye.views import VIEWS, Views
from stc.lab.training.networks import Lpips

# Feature maps of side 56, 28 and 14, and the number of their channels in the perceptual distance.
TAPS = {0: 16, 3: 40, 8: 56}
SOURCES = 100  # source faces to which the perceptual distance is fitted, with all of their views
BATCH = 10


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m stc.lab.eye", description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("lpips", type=Path)
    parser.add_argument("views", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=0, help="of learning from both teachers; 0")
    options = parser.parse_args()
    network, views = pruned(load_onnx(options.network)), Views.load(options.views)
    if options.steps:
        plan = DistilPlan(steps=options.steps)
        targets = Targets.of(views, plan.dimensions)
        network = with_second_head(network, views, targets, plan)
        for line in distil(network, views, targets, plan):
            print(line)
    network.round().requires_grad_(False)
    perception = fit(network, Lpips(options.lpips), _pairs(views), TAPS)
    options.output.write_bytes(build(network, perception).SerializeToString())


def _pairs(views: Views) -> Iterator[tuple[Tensor, Tensor]]:
    faces = torch.from_numpy(views.faces[:SOURCES]).permute(0, 1, 4, 2, 3)
    for some in faces.split(BATCH):
        for view in range(1, VIEWS):
            yield some[:, 0] / 127.5 - 1, some[:, view] / 127.5 - 1


if __name__ == "__main__":
    main()
