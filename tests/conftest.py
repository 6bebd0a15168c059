"""Settings that every test shares."""

import pytest
from hypothesis import settings

import stc

# Time limits are tested where they are promised; a busy machine must not fail a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="session")
def face_file():
    """The astronaut in at most 192 bytes."""
    return stc.encode(ASTRONAUT)
