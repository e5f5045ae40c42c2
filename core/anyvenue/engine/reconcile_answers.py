"""Gathering what a venue says about some of our orders: each by its id, in the lists, and by its fills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define

from anyvenue.engine.engine import Engine
from anyvenue.engine.evidence_answers import Answer, LookUp
from anyvenue.engine.reconcile_listing import OpenOrders
from anyvenue.engine.reconcile_questions import Questions, Told
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import VenueOrder
from anyvenue.venue.missed import filled

__all__ = ["Answers", "listed_answer"]

_SECOND_NS: Final = 1_000_000_000
OVERLAP_NS: Final = 60 * _SECOND_NS
"""Fills are asked for from so long before what is needed: clocks differ."""
FOUND_REACH_NS: Final = 86_400 * _SECOND_NS
"""So far back the fills of an order are looked for that was found partly filled."""


@define
class _Reach:
    """How far back the fills of an instrument are needed."""

    instrument: Instrument
    since_ns: int


class Answers:
    """What one connection's venue says. Fills go to the engine as they are told."""

    def __init__(
        self, engine: Engine, connection: str, questions: Questions, open_orders: OpenOrders, clock: Clock
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._questions = questions
        self._open_orders = open_orders
        self._clock = clock
        self._fills_from_ns = clock.time_ns()

    async def about_orders(
        self, asked: Mapping[str, Order], listed: Told[Sequence[VenueOrder]] | None, shown: Mapping[str, VenueOrder]
    ) -> dict[str, list[Answer]]:
        """Ask about orders: each by its id, then those that were not found in the lists of the open and the ended."""
        answers: dict[str, list[Answer]] = {name: [] for name in asked}
        for name, order in asked.items():
            if order.is_terminal:
                continue  # only its fills are missing
            told = await self._questions.order(order)
            if told is not None:
                report = None if told.what is None else told.what.report
                by_client_id = order.venue_order_id is None
                answer = Answer(look_up=LookUp.ORDER, asked_ns=told.asked_ns, report=report, by_client_id=by_client_id)
                answers[name].append(answer)
        nowhere = [name for name in asked if not asked[name].is_terminal and not _is_found(answers[name])]
        if nowhere and listed is None:
            listed = await self._questions.open_orders()
            shown = {} if listed is None else self._open_orders.take_in(listed)
        for name in nowhere:
            if listed is not None:
                answers[name].append(listed_answer(shown.get(name), listed))
            if not _is_found(answers[name]):
                answers[name] += await self._look_back(asked[name])
        return answers

    async def _look_back(self, order: Order) -> list[Answer]:
        since_ns = order.spec.ts_created - OVERLAP_NS
        told = await self._questions.history(order.instrument, since_ns)
        if told is None:
            return []
        same = [found.report for found in told.what if _is_of(found, order)]
        report = same[-1] if same else None
        return [Answer(look_up=LookUp.HISTORY, asked_ns=told.asked_ns, report=report, since_ns=since_ns)]

    async def about_fills(
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
            if _lacks_fills(order, answers[name]):
                reach_ns = FOUND_REACH_NS if name in self._open_orders.found else OVERLAP_NS
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
                    same = tuple(fill for fill in told.what if _is_fill_of(fill, order, answers[name]))
                    answer = Answer(look_up=LookUp.FILLS, asked_ns=told.asked_ns, fills=same, since_ns=reach.since_ns)
                    answers[name].append(answer)
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


def listed_answer(shown: VenueOrder | None, listed: Told[Sequence[VenueOrder]]) -> Answer:
    """Return what a list of the open orders says of an order that it shows, or does not show."""
    report = None if shown is None else shown.report
    return Answer(look_up=LookUp.OPEN_ORDERS, asked_ns=listed.asked_ns, report=report)


def _is_found(answers: Iterable[Answer]) -> bool:
    return any(answer.report is not None for answer in answers)


def _lacks_fills(order: Order, answers: Iterable[Answer]) -> bool:
    """Tell whether an order may have traded more than is booked: it was not found, or is told to have."""
    told = [answer.report.filled_quantity for answer in answers if answer.report is not None]
    return not told or max(*told, order.filled_quantity) > order.booked_quantity


def _is_of(found: VenueOrder, order: Order) -> bool:
    report = found.report
    if order.venue_order_id is not None and report.venue_order_id is not None:
        return report.venue_order_id in (order.venue_order_id, *order.former_ids)
    return report.client_order_id == order.client_order_id


def _is_fill_of(fill: Fill, order: Order, answers: Iterable[Answer]) -> bool:
    ids = {order.venue_order_id, *order.former_ids}
    ids |= {answer.report.venue_order_id for answer in answers if answer.report is not None}
    return fill.client_order_id == order.client_order_id or fill.venue_order_id in ids - {None}
