"""Funding that a venue has settled and tells only when it is asked."""

from __future__ import annotations

from anyvenue.engine.engine import Engine
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.questions import Questions

__all__ = ["FundingCheck"]


class FundingCheck:
    """The funding payments of one connection since the run began. The engine knows those that it was told already."""

    def __init__(self, engine: Engine, connection: str, questions: Questions, clock: Clock) -> None:
        self._engine = engine
        self._connection = connection
        self._questions = questions
        self._clock = clock
        self._start_ns = clock.time_ns()
        self._asked_ns: dict[str, int] = {}
        self._last_ns: dict[str, int] = {}
        """When the last payment was that is known, by the venue's clock."""

    async def tell(self) -> None:
        """Ask about whatever is held, or was since it was asked about last, and tell what was paid."""
        if not self._questions.has(Feature.FUNDING_PAYMENTS):
            return
        for position in self._engine.portfolio.positions():
            instrument, key = position.instrument, position.instrument.key
            is_recent = position.ts_recv >= self._asked_ns.get(key, self._start_ns)
            if instrument.connection != self._connection or not (position.quantity or is_recent):
                continue
            told = await self._questions.funding_payments(instrument, self._last_ns.get(key, self._start_ns))
            if told is None:
                continue
            self._asked_ns[key] = told.asked_ns
            for payment in told.what:
                self._last_ns[key] = max(payment.ts_event, self._last_ns.get(key, self._start_ns))
                self._engine.receive(payment, self._connection)
