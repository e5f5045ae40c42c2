"""Gathering what a venue says about some of our orders: each by its id, and in the lists of the open and the ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.venue.evidence_answers import Answer, LookUp
from anyvenue.venue.interface import VenueOrder
from anyvenue.venue.questions import Questions, Told

__all__ = ["OVERLAP_NS", "OrderAnswers", "fills_answer", "lacks_fills", "listed_answer"]

OVERLAP_NS: Final = 60_000_000_000
"""What happened is asked for from so long before what is needed: clocks differ."""


class OrderAnswers:
    """What one connection's venue says. `take_in` gets each list of open orders, and returns those that are known, by
    client id.
    """

    def __init__(
        self, questions: Questions, take_in: Callable[[Told[Sequence[VenueOrder]]], Mapping[str, VenueOrder]]
    ) -> None:
        self._questions = questions
        self._take_in = take_in

    async def about(
        self,
        asked: Mapping[str, Order],
        listed: Told[Sequence[VenueOrder]] | None = None,
        shown: Mapping[str, VenueOrder] | None = None,
    ) -> dict[str, list[Answer]]:
        """Ask about orders: each by its id, then those that were not found in the lists of the open and the ended.

        `listed` is the list of open orders where it is had already, and `shown` what is known of it.
        """
        answers: dict[str, list[Answer]] = {name: [] for name in asked}
        shown = shown or {}
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
            shown = {} if listed is None else self._take_in(listed)
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


def listed_answer(shown: VenueOrder | None, listed: Told[Sequence[VenueOrder]]) -> Answer:
    """Return what a list of the open orders says of an order that it shows, or does not show."""
    report = None if shown is None else shown.report
    return Answer(look_up=LookUp.OPEN_ORDERS, asked_ns=listed.asked_ns, report=report)


def fills_answer(told: Told[Sequence[Fill]], since_ns: int, order: Order, answers: Iterable[Answer]) -> Answer:
    """Return what fills, asked for since a time, say of an order; `answers` are what else was said of it."""
    ids = {order.venue_order_id, *order.former_ids}
    ids |= {answer.report.venue_order_id for answer in answers if answer.report is not None}
    ids.discard(None)
    name = order.client_order_id
    same = tuple(fill for fill in told.what if fill.client_order_id == name or fill.venue_order_id in ids)
    return Answer(look_up=LookUp.FILLS, asked_ns=told.asked_ns, fills=same, since_ns=since_ns)


def lacks_fills(order: Order, answers: Iterable[Answer]) -> bool:
    """Tell whether an order may have traded more than is booked: it was not found, or is told to have."""
    told = [answer.report.filled_quantity for answer in answers if answer.report is not None]
    return not told or max(*told, order.filled_quantity) > order.booked_quantity


def _is_found(answers: Iterable[Answer]) -> bool:
    return any(answer.report is not None for answer in answers)


def _is_of(found: VenueOrder, order: Order) -> bool:
    report = found.report
    if order.venue_order_id is not None and report.venue_order_id is not None:
        return report.venue_order_id in (order.venue_order_id, *order.former_ids)
    return report.client_order_id == order.client_order_id
