"""Settings: one place for defaults and checks."""

import dataclasses

import numpy as np
import pytest

from stc import Encoded, QualityError, Settings, SettingsError


def test_the_size_is_192_bytes_unless_something_is_said():
    assert Settings().max_bytes == 192
    assert Settings(stages=2).max_bytes is None
    assert Settings() == Settings(max_bytes=192)


def test_a_new_size_replaces_the_old_one():
    assert Settings.of(Settings(stages=2), max_bytes=96) == Settings(max_bytes=96)
    assert Settings.of(Settings(max_bytes=96), stages=2) == Settings(stages=2)
    assert Settings.of(Settings(max_bytes=96), bare=True) == Settings(max_bytes=96, bare=True)
    assert Settings.of(None, max_bytes=None, stages=None) == Settings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_bytes": 9, "stages": 1}, "not both"),
        ({"max_bytes": 0}, "at least 1, not 0"),
        ({"max_bytes": 9.5}, "integer"),
        ({"max_bytes": True}, "integer"),
        ({"max_bytes": np.float64(96)}, "integer"),
        ({"max_bytes": np.int64(-1)}, "integer"),
        ({"max_bytes": 65537}, "at most 65536, not 65537: no file is longer"),
        ({"max_bytes": 2**45}, "at most 65536"),
        ({"max_bytes": np.int64(2**45)}, "at most 65536"),
        ({"stages": True}, "integer"),
        ({"align": "maybe"}, "auto, always, never"),
        ({"face": "first"}, "only, largest"),
        ({"bare": 1}, "bare must be"),
        ({"min_quality": float("nan")}, "from 0 to 1"),
        ({"min_quality": "high"}, "from 0 to 1"),
        ({"min_quality": True}, "from 0 to 1"),
        ({"effort": -1}, "at least 0, not -1"),
        ({"effort": 10}, "at most 9, not 10"),
        ({"effort": 4.0}, "integer"),
        ({"effort": True}, "integer"),
        ({"size": 3}, "no setting 'size'"),
    ],
)
def test_what_nothing_fits_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        Settings.of(None, **values)
    with pytest.raises(ValueError, match=message):  # what callers of other libraries catch
        Settings.of(None, **values)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.array])
def test_integers_of_numpy_become_pythons(kind):
    assert Settings(max_bytes=kind(96)) == Settings(max_bytes=96)
    assert type(Settings(max_bytes=kind(96)).max_bytes) is int
    assert type(Settings(stages=kind(2)).stages) is int
    assert type(Settings(effort=kind(2)).effort) is int
    assert Settings(effort=kind(0)).effort == 0
    assert Settings(min_quality=np.float32(0.5)).min_quality == 0.5
    assert Settings(max_bytes=65536).max_bytes == 65536


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().stages = 3


def test_quality_is_compared_with_the_least():
    Settings(min_quality=0.5).check_quality(0.5, 100)
    Settings().check_quality(float("nan"), 100)
    for quality in (0.49, float("nan")):
        with pytest.raises(QualityError, match="at 100 bytes"):
            Settings(min_quality=0.5).check_quality(quality, 100)


def test_an_error_is_raised_when_its_result_is_wanted():
    found = Encoded(b"x", 1, 0.9)
    assert found.unwrap() is found
    with pytest.raises(KeyError):
        Encoded(error=KeyError("why")).unwrap()


def test_the_repr_of_a_result_is_short():
    assert repr(Encoded(bytes(300), 250, 0.9)) == "<Encoded: 300 bytes, 250 tokens, quality 0.9000>"
    assert repr(Encoded(error=KeyError("why"))) == "<Encoded: KeyError('why')>"
