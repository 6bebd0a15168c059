"""Progress bars and the option --quiet."""

import logging

import pytest

from stc.cli.main import main
from stc.gallery.progress import hidden


@pytest.mark.parametrize(("flags", "expected"), [([], None), (["-v"], None), (["-q"], True)])
def test_quiet_hides_bars(flags, expected, tmp_path):
    logger = logging.getLogger("stc")
    before = logger.level
    try:
        main(["info", str(tmp_path / "nothing.stc"), *flags])
        assert hidden() is expected
    finally:
        logger.setLevel(before)
