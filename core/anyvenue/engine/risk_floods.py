"""Floods: what a strategy may ask for at one moment or in one second before it is taken to be out of its mind.

These are no limits of risk and cannot be set. They lie far above all use, and end the strategy that reaches one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from anyvenue.engine.risk_rate import RateWindow
from anyvenue.model.numbers import Number, exact

__all__ = ["Floods"]

REFUSALS_MAX: Final = 100
"""So many refusals at one moment: it would ask for ever."""
ORDERS_MAX: Final = 1000
"""So many orders at one moment, where no limit has kept it back before."""
SUBSCRIPTIONS_MAX: Final = 5000
"""So many subscriptions in one second."""
SETTINGS_MAX: Final = 100
"""So many protections and leverages set in one second."""
TIMERS_MAX: Final = 1000
TIMER_S_MIN: Final = Decimal("0.001")
_SECOND_NS: Final = 1_000_000_000


class Floods:
    """Counts. What is too much raises RuntimeError, which stops the strategy in whose callback it happens."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._refused_at = self._refusals = 0
        self._placed_at = self._orders = 0
        self._subscriptions, self._settings = RateWindow(SUBSCRIPTIONS_MAX), RateWindow(SETTINGS_MAX)
        self._timers: dict[str, int | None] = {}

    def refused(self, text: str) -> None:
        """Count a refusal, for the reason `text`."""
        now = self._now()
        self._refusals = self._refusals + 1 if now == self._refused_at else 1
        self._refused_at = now
        if self._refusals > REFUSALS_MAX:
            raise RuntimeError(f"refused {REFUSALS_MAX} times at one moment, the last time because {text}")

    def placed(self) -> None:
        """Count an order."""
        now = self._now()
        self._orders = self._orders + 1 if now == self._placed_at else 1
        self._placed_at = now
        if self._orders > ORDERS_MAX:
            raise RuntimeError(f"more than {ORDERS_MAX} orders at one moment")

    def subscribed(self) -> None:
        """Count a subscription, or the end of one."""
        self._count(self._subscriptions, "subscriptions")

    def set(self) -> None:
        """Count a protection or a leverage that is set."""
        self._count(self._settings, "protections and leverages")

    def timed(self, name: str, after_s: Number | None, every_s: Number | None) -> None:
        """Count a timer. Raises ValueError for one that could do nothing but keep the machine busy."""
        if every_s is not None and exact(every_s, "every_s") < TIMER_S_MIN:
            raise ValueError(f"timer {name!r}: found every {every_s} s; allowed is {TIMER_S_MIN} s or more")
        now = self._now()
        if name not in self._timers and len(self._timers) >= TIMERS_MAX:
            self._timers = {timer: due for timer, due in self._timers.items() if due is None or due > now}
            if len(self._timers) >= TIMERS_MAX:
                raise RuntimeError(f"timer {name!r}: there are {TIMERS_MAX} timers already, which is the most allowed")
        self._timers[name] = None if after_s is None else now + int(exact(after_s, "after_s") * _SECOND_NS)

    def untimed(self, name: str) -> None:
        """Forget a timer."""
        self._timers.pop(name, None)

    def _count(self, window: RateWindow, what: str) -> None:
        now = self._now()
        if window.is_full(now):
            raise RuntimeError(f"more than {window.limit} {what} in one second")
        window.take(now)
