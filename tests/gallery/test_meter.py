"""One progress bar for several processes."""

import io
import logging

import pytest

from stc.gallery import meter
from stc.gallery.meter import Meter
from stc.gallery.workers import pool


def test_what_processes_count_is_shown(monkeypatch):
    shown = io.StringIO()
    real = meter.tqdm
    monkeypatch.setattr(meter, "hidden", lambda: False)
    monkeypatch.setattr(meter, "tqdm", lambda **how: real(file=shown, **how))
    with Meter(1000, 400, 2) as bar:
        bar.report(0)(100, 3)
        with pool(1, bar.counts.add, 1, 200, 4) as processes:
            processes.submit(int).result()
        assert bar.counts.sums == (300, 7)
    assert "700/1.00k" in shown.getvalue()
    assert "7 pictures" in shown.getvalue()


@pytest.mark.parametrize(("level", "shown"), [(logging.WARNING, True), (logging.ERROR, False)])
def test_quiet_shows_nothing(level, shown, monkeypatch):
    """With an output that tqdm treats as a terminal."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    real = meter.tqdm
    monkeypatch.setattr(meter, "tqdm", lambda **how: real(file=terminal, **how))
    logger = logging.getLogger("stc")
    before = logger.level
    logger.setLevel(level)
    try:
        with Meter(10, 0, 1) as bar:
            bar.report(0)(10, 1)
    finally:
        logger.setLevel(before)
    assert ("pictures" in terminal.getvalue()) is shown
