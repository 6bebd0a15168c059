"""Settings that every test shares; without torch, the tests of what needs it are left out."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

import stc

# Time limits are tested where they are promised; a busy machine must not fail a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# For conformance and fuzz, which are not installed. At the end: an installed stc comes first.
sys.path.append(str(Path(__file__).parents[1]))

# Processes that tests start have the stc of this one, which may be installed, and not the sources
# in the current folder, whose native libraries may not have been built (Python 3.11 and newer).
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(stc.__file__).parents[1]), str(Path(__file__).parents[1])]
)

ASTRONAUT = "tests/assets/astronaut.png"

NEEDS_TORCH = [
    "codec/torch",
    "docs/test_api.py",
    "kernels/torch",
    "kernels/triton",
    "lab",
    "recognition/test_dlib_network.py",
]
WITHOUT_TORCH = find_spec("torch") is None
collect_ignore = NEEDS_TORCH if WITHOUT_TORCH else []


def pytest_report_header():
    if WITHOUT_TORCH:
        return f"torch is not installed: without tests/{', '.join(NEEDS_TORCH)}"
    return None


@pytest.fixture(scope="session")
def face_file():
    """The astronaut in at most 192 bytes."""
    return stc.encode(ASTRONAUT)
