"""Stages `shared` and `specific`, on latents whose best codebooks are known."""

import dataclasses

import numpy as np
import pytest
import torch

from stc.lab.training.codebooks import CodebookTraining
from stc.lab.training.launch import launcher
from stc.lab.training.pictures import Pictures
from stc.lab.training.system import System
from tests.lab.tiny import tiny

IMAGES, TOKENS, DIMENSIONS = 600, 16, 4


def latents(kinds=2, noise=0.05, apart=0.0):
    """[2, N, T, D]: images of `kinds` kinds; in each, every token has four places of its own.

    apart moves all tokens of a kind, so that a look at their mean tells the kinds apart.
    """
    generator = np.random.default_rng(0)
    places = generator.normal(size=(kinds, TOKENS, 4, DIMENSIONS))
    places += apart * np.arange(kinds)[:, None, None, None]
    kind = generator.integers(0, kinds, IMAGES)
    chosen = generator.integers(0, 4, (2, IMAGES, TOKENS))
    z = places[kind[:, None], np.arange(TOKENS), chosen]
    return (z + noise * generator.normal(size=z.shape)).astype(np.float16), kind


def stage(name="specific", z=None, kind="switchable-token-specific", groups=2, **values):
    """A stage on these latents, about to begin; codewords start at some of them."""
    routing = values.pop("routing", "exhaustive")
    config = tiny(
        arrangement={"kind": kind, "codewords": values.pop("codewords", 4), "groups": groups},
        routing=routing,
        held_out=10,
    )
    plan = dataclasses.replace(
        config.specific, **{"steps": 60, "batch": 200, "decay": 0.8, **values}
    )
    z = latents()[0] if z is None else z
    torch.manual_seed(0)
    system = System(config)
    system.quantizer.initialise(torch.from_numpy(z[0]).float())
    faces = np.full((IMAGES, 1, 1, 4), 255, np.uint8)
    pictures = Pictures.split(faces, config.held_out)
    if name == "specific" and groups > 1:
        first = CodebookTraining("shared", system, pictures, z, plan, launcher("fp32"))
        run(first)
    return CodebookTraining(name, system, pictures, z, plan, launcher("fp32"))


def run(training):
    """All steps; the last metrics."""
    for number in range(training.plan.steps):
        torch.manual_seed(number)
        metrics = training.step(number)
    return {key: float(value) for key, value in metrics.items()}


def error(training, z):
    """Mean squared error a number of all latents, each image in its best group."""
    z = torch.from_numpy(z).flatten(0, 1).float()
    groups, indices = training.quantizer.encode(z)
    return float((z - training.quantizer.decode(groups, indices)).square().mean())


def test_groups_find_the_kinds_of_images():
    z, kind = latents()
    training = stage(z=z, codewords=8)
    metrics = run(training)
    assert error(training, z) < 0.02  # the noise alone has 0.0025
    assert metrics["groups"] == pytest.approx(2, abs=0.1)
    groups, _ = training.quantizer.encode(torch.from_numpy(z[0]).float())
    same = float((groups.numpy() == kind).mean())
    assert max(same, 1 - same) > 0.99
    one = stage(z=z, kind="token-specific", groups=1, codewords=4)
    run(one)
    assert error(one, z) > 5 * error(training, z)


def test_tokens_of_their_own_beat_shared_ones():
    z, _ = latents(kinds=1)
    shared, own = stage("shared", z, "global", 1), stage("specific", z, "token-specific", 1)
    run(shared)
    run(own)
    assert error(own, z) < 0.3 * error(shared, z)


def test_unused_codewords_and_groups_come_back():
    z, _ = latents()
    training = stage("specific", z, "token-specific", 1)
    with torch.no_grad():
        training.quantizer.codebooks[:, :, 1:] = 100  # far from everything
    training.sums = training.quantizer.codebooks * training.counts[..., None]
    run(training)
    assert training.quantizer.codebooks.abs().max() < 10
    assert float((training.counts > 0.2 * training.even()).float().mean()) > 0.95
    lost = stage(z=z)
    lost.counts[1], lost.sums[1] = 0, 0
    with torch.no_grad():
        lost.quantizer.codebooks[1] = 100
    assert run(lost)["groups"] == pytest.approx(2, abs=0.1)


def test_without_revival_what_is_dead_stays_dead():
    training = stage("specific", latents()[0], "token-specific", 1, revive=0.0)
    with torch.no_grad():
        training.quantizer.codebooks[:, :, 3] = 100
    training.sums = training.quantizer.codebooks * training.counts[..., None]
    run(training)
    assert training.quantizer.codebooks[:, :, 3].min() > 90


def test_an_endless_pull_leaves_groups_only_an_offset():
    training = stage(pull=1e9)
    run(training)
    difference = training.quantizer.codebooks[1] - training.quantizer.codebooks[0]
    spread = difference.std(1)  # over the codewords of a token
    assert spread.max() < 1e-3
    assert difference.mean(1).abs().max() > 0.1
    free = stage()
    run(free)
    own = free.quantizer.codebooks[1] - free.quantizer.codebooks[0]
    assert own.std(1).max() > 0.1


def test_a_price_on_bits_lowers_the_entropy_of_the_choices():
    generator = np.random.default_rng(0)
    z = generator.normal(size=(2, IMAGES, TOKENS, DIMENSIONS)).astype(np.float16)
    bits = []
    for price in (0.0, 1.0):
        training = stage("specific", z, "token-specific", 1, codewords=8, price=price, revive=0.0)
        run(training)
        share = training.share()
        bits.append(float(torch.special.entr(share).sum(2).mean()) / np.log(2))
    assert bits[0] > 2.7
    assert bits[1] < bits[0] - 0.5


def test_a_router_learns_which_group_is_best():
    z, _ = latents(apart=1.0)
    training = stage(z=z, routing="learned", router_rate=0.02)
    metrics = run(training)
    assert metrics["routed_right"] > 0.95
    assert metrics["routing_costs"] < 0.2
    z = torch.from_numpy(z[0]).float()
    by_router = training.system.route(z)
    by_search, _ = training.quantizer.encode(z)
    assert float((by_router == by_search).float().mean()) > 0.95
