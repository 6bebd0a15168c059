"""The network of a head, compared with a straightforward computation in double precision."""

import numpy as np
import pytest

from stc.protection.head_file import load_head, shipped_head
from stc.protection.heads import HIDDEN, Head, shapes
from tests.protection.conftest import random_head

SHAPE = (5, 3, 4)  # not square, so that swapped sides are noticed


def maps(seed):
    return np.random.default_rng(seed).standard_normal((2, *SHAPE)).astype(np.float32)


def by_hand(head, one, two):
    """A head's output for one face, computed cell by cell in double precision."""
    arrays = {name: values.astype(np.float64) for name, values in head.arrays.items()}
    _, height, width = head.shape
    features = np.zeros((height * width, head.size))
    for cell in range(height * width):
        row, column = divmod(cell, width)
        for side in (one, two):
            reduced = side[:, row, column] @ arrays["reduce"][cell] + arrays["shift"][cell]
            features[cell] += np.where(reduced > 0, reduced, reduced * arrays["bend.weight"])
    picture = features.reshape(height, width, -1)
    for layer in (0, 3):
        picture = convolve(picture, arrays[f"attend.{layer}.weight"])
        norm = {k: arrays[f"attend.{layer + 1}.{k}"] for k in ("weight", "bias")}
        centre = arrays[f"attend.{layer + 1}.running_mean"]
        spread = np.sqrt(arrays[f"attend.{layer + 1}.running_var"] + 1e-5)
        picture = (picture - centre) / spread * norm["weight"] + norm["bias"]
        picture = np.where(picture > 0, picture, picture * arrays[f"attend.{layer + 2}.weight"])
    last = convolve(picture, arrays["attend.6.weight"])[..., 0] + arrays["attend.6.bias"]
    powers = np.exp(last.ravel() + arrays["place"])
    return features, powers / powers.sum()


def convolve(picture, kernel):
    height, width, _ = picture.shape
    made = np.zeros((height, width, len(kernel)))
    for row in range(height):
        for column in range(width):
            for y in range(max(0, row - 1), min(height, row + 2)):
                for x in range(max(0, column - 1), min(width, column + 2)):
                    made[row, column] += kernel[:, :, y - row + 1, x - column + 1] @ picture[y, x]
    return made


@pytest.mark.parametrize("size", [3, 16])
def test_it_is_what_the_layers_say(size):
    head = random_head(SHAPE, size=size)
    one, two = maps(1), maps(2)
    features, weights = head(one, two)
    assert (features.shape, weights.shape) == ((2, 12, size), (2, 12))
    assert (features.dtype, weights.dtype) == (np.float32, np.float32)
    for face in range(2):
        expected = by_hand(head, one[face], two[face])
        assert features[face] == pytest.approx(expected[0], abs=1e-4)
        assert weights[face] == pytest.approx(expected[1], abs=1e-5)


def test_the_mirror_image_counts_as_much():
    head = random_head(SHAPE)
    for one, two in zip(head(maps(1), maps(2)), head(maps(2), maps(1)), strict=True):
        assert one == pytest.approx(two, abs=1e-5)


def test_shapes_are_those_that_ship():
    head = load_head(shipped_head("dlib-resnet-v1"), "dlib-resnet-v1")
    assert {name: values.shape for name, values in head.arrays.items()} == shapes((256, 4, 4), 16)
    assert head.size == 16


def test_every_array_counts_towards_the_digest():
    head = random_head(SHAPE)
    digests = {head.digest()}
    for name in head.arrays:
        changed = {**head.arrays, name: head.arrays[name] + 1}
        digests.add(Head(SHAPE, changed).digest())
    assert len(digests) == len(head.arrays) + 1


@pytest.mark.parametrize("shape", [SHAPE, (12, 7, 7)])
def test_it_is_what_training_sees(shape):
    torch = pytest.importorskip("torch")
    from stc.lab.training.head_network import HeadNetwork

    torch.manual_seed(0)
    network = HeadNetwork(shape)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.normal_().mul_(0.3)
        if name.endswith("running_var"):
            value.abs_().add_(0.5)
    network.eval()
    head = network.to_head()
    assert head.arrays["attend.3.weight"].shape == (HIDDEN, HIDDEN, 3, 3)
    both = np.random.default_rng(0).standard_normal((2, 6, *shape)).astype(np.float32)
    with torch.no_grad():
        expected = network(*map(torch.from_numpy, both))
        for ours, theirs in zip(head(*both), expected, strict=True):
            assert ours == pytest.approx(theirs.numpy(), abs=1e-5)
        network.place += 1  # must not change the head, which is a copy
    assert np.array_equal(head(*both)[0], network.to_head()(*both)[0])
    assert not np.array_equal(head.arrays["place"], network.to_head().arrays["place"])
