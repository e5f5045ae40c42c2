"""Funding that a venue has settled and tells only when it is asked."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.engine.engine import Engine
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.order_answers import OVERLAP_NS
from anyvenue.venue.questions import Questions

__all__ = ["FundingCheck"]


class FundingCheck:
    """The funding payments of one connection since the run began. The engine knows those that it was told already.

    Payments bear the venue's time, and its clock may be behind ours: by what it says, and a little more. What was paid
    before the run on a position that it found is what the venue tells at the start; on others nothing was paid to this
    run before their first fill, which bears the venue's time too.
    """

    def __init__(self, engine: Engine, connection: str, questions: Questions, clock: Clock) -> None:
        self._engine = engine
        self._connection = connection
        self._questions = questions
        self._clock = clock
        self._start_ns = clock.time_ns()
        self._asked_ns: dict[str, int] = {}
        self._from_ns: dict[str, int] = {}
        """From when on, by the venue's clock, payments may be new."""
        self._before: set[tuple[str, int, Decimal]] = set()

    async def hold(self) -> None:
        """At the start: learn what was paid already on what is held."""
        start_ns = self._questions.looked_back(self._start_ns)
        since_ns = start_ns - OVERLAP_NS
        for position in self._mine():
            if position.is_flat:
                continue
            key = position.instrument.key
            told = await self._questions.funding_payments(position.instrument, since_ns)
            self._from_ns[key] = start_ns if told is None else since_ns
            for payment in () if told is None else told.what:
                self._before.add((key, payment.ts_event, payment.amount))

    async def tell(self) -> None:
        """Ask about whatever is held, or was since it was asked about last, and tell what was paid."""
        for position in self._mine():
            instrument, key = position.instrument, position.instrument.key
            is_recent = position.ts_recv >= self._asked_ns.get(key, self._start_ns)
            if not (position.quantity or is_recent):
                continue
            start_ns = self._questions.looked_back(self._start_ns)
            since_ns = self._from_ns.setdefault(key, min(start_ns, position.ts_event or start_ns))
            told = await self._questions.funding_payments(instrument, since_ns)
            if told is None:
                continue
            self._asked_ns[key] = told.asked_ns
            for payment in told.what:
                self._from_ns[key] = max(payment.ts_event, self._from_ns[key])
                if (key, payment.ts_event, payment.amount) not in self._before:
                    self._engine.receive(payment, self._connection)

    def _mine(self) -> list[Position]:
        if not self._questions.has(Feature.FUNDING_PAYMENTS):
            return []
        positions = self._engine.portfolio.positions()
        return [position for position in positions if position.instrument.connection == self._connection]
