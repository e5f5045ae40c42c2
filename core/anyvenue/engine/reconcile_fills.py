"""Gathering the fills that a connection's venue tells, as far back as they are needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attrs import define

from anyvenue.engine.engine import Engine
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.evidence_answers import Answer
from anyvenue.venue.missed import filled
from anyvenue.venue.order_answers import OVERLAP_NS, fills_answer, lacks_fills
from anyvenue.venue.questions import Questions

__all__ = ["FillAnswers"]

FOUND_REACH_NS: Final = 86_400_000_000_000
"""So far back the fills of an order are looked for that was found partly filled."""


@define
class _Reach:
    """How far back the fills of an instrument are needed."""

    instrument: Instrument
    since_ns: int


class FillAnswers:
    """The fills of one connection, which go to the engine as they are told. `found` are the orders taken on."""

    def __init__(
        self, engine: Engine, connection: str, questions: Questions, found: Collection[str], clock: Clock
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._questions = questions
        self._found = found
        self._clock = clock
        self._fills_from_ns = clock.time_ns()

    async def about(
        self,
        asked: Mapping[str, Order],
        answers: Mapping[str, list[Answer]],
        *,
        is_whole: bool,
        is_first: bool,
        differing: Iterable[Instrument] = (),
    ) -> bool:
        """Ask for the fills of every instrument that needs it, and tell them. Return whether all could be asked for.

        At the first time only those of orders that we know: the others are part of what is held. `differing` are
        instruments of which the venue has another position than we.
        """
        began_ns, all_told = self._clock.time_ns(), True
        needed: dict[str, _Reach] = {}
        for instrument in self._traded() if is_whole else ():
            needed[instrument.key] = _Reach(instrument, self._fills_from_ns - OVERLAP_NS)
        for instrument in differing if is_whole else ():  # traded by somebody else, perhaps a while ago
            needed.setdefault(instrument.key, _Reach(instrument, began_ns - FOUND_REACH_NS))
        for name, order in asked.items():
            if lacks_fills(order, answers[name]):
                reach_ns = FOUND_REACH_NS if name in self._found else OVERLAP_NS
                reach = _Reach(order.instrument, order.spec.ts_created - reach_ns)
                known = needed.setdefault(order.instrument.key, reach)
                known.since_ns = min(known.since_ns, reach.since_ns)
        for key, reach in needed.items():
            told = await self._questions.fills(reach.instrument, reach.since_ns)
            if told is None:
                all_told = all_told and not self._questions.has(Feature.FILLS)
                continue
            for event in map(filled, told.what):
                if not is_first or self._engine.orders.find(self._connection, event) is not None:
                    self._engine.receive(event, self._connection)
            for name, order in asked.items():
                if order.instrument.key == key:
                    answers[name].append(fills_answer(told, reach.since_ns, order, answers[name]))
        if is_whole and all_told:
            self._fills_from_ns = began_ns
        return all_told

    def _traded(self) -> Iterable[Instrument]:
        """Iterate over the instruments in which there are orders or a position, or were since fills were asked for."""
        for order in self._engine.orders.open_orders():
            if order.instrument.connection == self._connection:
                yield order.instrument
        for position in self._engine.portfolio.positions():
            is_recent = position.ts_recv >= self._fills_from_ns - OVERLAP_NS
            if position.instrument.connection == self._connection and (position.quantity or is_recent):
                yield position.instrument
