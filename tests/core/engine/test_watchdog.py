"""The watchdog speaks up when the engine's thread stands still, and only then."""

import logging
import threading

import pytest

from anyvenue.engine.watchdog import Watchdog


class Fake:
    """Looks like an engine from outside. Being looked at is what the test waits for."""

    def __init__(self, *, busy, moving):
        self.is_busy, self._moving, self._events = busy, moving, 0
        self.looked = threading.Semaphore(0)

    @property
    def events(self):
        self._events += self._moving
        self.looked.release()
        return self._events


def watch(fake, looks):
    """Run a watchdog until it has looked so many times."""
    with Watchdog(fake, limit_s=0.001):
        for _ in range(looks):
            assert fake.looked.acquire(timeout=10)


def test_a_hang_is_told_once_with_the_place(caplog):
    with caplog.at_level(logging.CRITICAL, "anyvenue.engine"):
        watch(Fake(busy=True, moving=0), 5)
    (record,) = caplog.records
    assert "a callback has not returned for 0.001 s" in record.getMessage()
    assert "test_watchdog.py" in record.getMessage()


@pytest.mark.parametrize(("busy", "moving"), [(False, 0), (True, 1)])
def test_an_idle_or_busy_engine_is_fine(caplog, busy, moving):
    watch(Fake(busy=busy, moving=moving), 5)
    assert caplog.records == []
