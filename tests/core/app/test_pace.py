"""How fast a run goes and how long it will still take."""

from __future__ import annotations

import pytest

from anyvenue.app.pace import Pace


def test_the_rate_is_that_of_the_last_seconds() -> None:
    pace = Pace(100.0)
    pace.update(101.0, 1000, None)
    assert pace.events_per_s == 1000
    for second in range(2, 10):
        pace.update(100.0 + second, 1000 + (second - 1) * 10, None)
    assert pace.events_per_s == pytest.approx(10)
    assert pace.left_s is None


def test_the_time_left_follows_from_what_is_done() -> None:
    pace = Pace(0.0)
    pace.update(0.0, 0, 0.0)
    assert pace.left_s is None
    pace.update(10.0, 5, 0.25)
    assert pace.left_s == 30
    pace.update(40.0, 5, 1.0)
    assert pace.left_s == 0
