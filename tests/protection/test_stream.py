"""Pinned values derived from a key: stored records depend on every bit of them."""

import hashlib

import numpy as np
import pytest

from stc.errors import TemplateError
from stc.protection.stream import Parameters, draw, kept_positions, tag_of
from stc.protection.stream import _quantiles as quantiles

USUAL = Parameters.of((49, 16), 0.9, 0.5)


def test_the_quantiles_are_those_of_every_machine():
    whole = np.rint(quantiles() * 4096).astype("<i2")
    assert (whole == quantiles() * 4096).all()
    assert hashlib.sha256(whole.tobytes()).hexdigest() == QUANTILES
    assert quantiles().std() == pytest.approx(1, abs=1e-3)


def test_the_draw_is_that_of_every_machine(key):
    drawn = draw(key, USUAL, [b"salice"], [3])
    data = drawn.tags.tobytes() + drawn.signs.astype("<f4").tobytes()
    data += drawn.noise.astype("<f4").tobytes()
    kept = kept_positions(drawn.tags.tobytes(), USUAL)
    digest = hashlib.sha256(data + np.packbits(kept).tobytes()).hexdigest()
    assert digest == DRAWN
    assert tag_of(key, USUAL, b"salice", 3) == drawn.tags.tobytes()


def test_names_generations_and_parameters_draw_apart(key):
    other = Parameters.of((49, 16), 0.8, 0.5)
    one = draw(key, USUAL, [b"sa"], [0]).noise
    for parameters, name, generation in ((USUAL, b"sb", 0), (USUAL, b"sa", 1), (other, b"sa", 0)):
        assert not np.array_equal(one, draw(key, parameters, [name], [generation]).noise)


def test_the_noise_is_normal(key):
    noise = draw(key, USUAL, [b"%d" % i for i in range(300)], [0] * 300).noise
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert (noise**4).mean() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(("size", "drop"), [(16, 0.5), (16, 0), (16, 0.75), (5, 0.5), (256, 0.99)])
def test_exactly_so_many_positions_stay(size, drop):
    parameters = Parameters.of((7, size), 0.9, drop)
    kept = kept_positions(b"12345678", parameters)
    assert (kept.sum(1) == size - round(drop * size)).all()
    assert np.array_equal(kept, kept_positions(b"12345678", parameters))


def test_every_position_is_dropped_as_often():
    kept = np.mean([kept_positions(b"%08d" % i, USUAL) for i in range(300)], axis=(0, 1))
    assert kept == pytest.approx(np.full(16, 0.5), abs=0.02)


@pytest.mark.parametrize(
    ("alpha", "drop"), [(-0.1, 0), (1.1, 0), (np.nan, 0), (0.9, -0.1), (0.9, 1), (0.9, 0.99)]
)
def test_parameters_out_of_range(alpha, drop):
    with pytest.raises(TemplateError):
        Parameters.of((49, 16), alpha, drop)


QUANTILES = "1ea009ce409dac97d6bd609266910f809c5fb912f78e16bd89145b08174d6fc5"
DRAWN = "d6c367f9e97e7b6172d1a4d0b263ad46a6296a9648f86fa36fa4405a37a98f8d"
