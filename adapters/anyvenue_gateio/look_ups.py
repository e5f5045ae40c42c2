"""What an account at Gate has: orders, fills, positions, balances, funding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyvenue.model.balance import Balance
from anyvenue.model.enums import PositionMode, PositionSide
from anyvenue.model.errors import (
    UnknownOrder,
)
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    OrderTriggered,
)
from anyvenue.model.position import Position
from anyvenue.venue.interface import Retention, VenueOrder
from anyvenue.wire.request import Request
from anyvenue_gateio.market_data import GateMarketData, in_order
from anyvenue_gateio.rest import account, history, orders, triggers

__all__ = ["GateLookUps", "waits"]

_SECOND_NS: Final = 1_000_000_000
_HOUR_S: Final = 3_600
"""An order with a fill is found by text without a limit, or, by older texts (7.3), for an hour."""


class GateLookUps(GateMarketData):
    """The evidence that settles what is unknown."""

    @property
    def retention(self) -> Retention:
        """Return what Gate remembers (7.3, 7.7). Orders with a trigger have no client id there, and no expiry."""
        return Retention(
            create_window_s=self._options.order_expiry_s,
            finds_open=True,
            lists_open=True,
            unfilled_s=history.UNFILLED_LOOKUP_S,
            filled_s=history.HISTORY_S,
            unfilled_by_client_id_s=history.ORDER_TEXT_LOOKUP_S,
            filled_by_client_id_s=_HOUR_S,
            names_fills=True,
        )

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up. By our id alone an unfilled one is found for 60 s after its cancel (7.3)."""
        if waits(order):
            return await self._waiting_order(order)
        try:
            data = await self.ask(orders.look_up(order))
        except UnknownOrder:
            return None
        found: VenueOrder = self.read(orders.venue_order, data, order.instrument, mode=self._mode)
        return found

    async def _waiting_row(self, order: Order) -> Mapping[str, Any] | None:
        try:
            data = await self.ask(triggers.look_up(order))
        except UnknownOrder:
            return None
        is_trail = triggers.order_kind(order.venue_order_id or "") is triggers.OrderKind.TRAIL
        row: Mapping[str, Any] = self.read(_trails, data)[0] if is_trail else self.read(_one, data)
        return row

    async def _waiting_order(self, order: Order) -> VenueOrder | None:
        row = await self._waiting_row(order)
        if row is None:
            return None
        child = self.read(_child, row)
        if child is not None:
            fired = OrderTriggered(client_order_id=order.client_order_id, venue_order_id=child)
            self.sink(fired)
            return await self.order(order.apply(fired))
        name = order.client_order_id
        seen: VenueOrder = self.read(triggers.trigger_order, row, order.instrument, mode=self._mode, client_id=name)
        return seen

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders: those in the book, and those that wait for a trigger."""

        def page(offset: int) -> Request:
            return orders.open_orders(self._settle, instrument, offset=offset)

        # Pages shift while they are read (7.7), so they are read twice.
        rows = [*await self.pages(page, orders.PAGE), *await self.pages(page, orders.PAGE)]
        seen = [
            self.read(orders.venue_order, row, of, mode=self._mode)
            for row in {orders.id_of(row): row for row in self.read(orders.rows_of, rows)}.values()
            if (of := self.by_name.get(row["contract"]))
        ]
        for row in await self._waiting(instrument):
            if of := self.by_name.get(triggers.contract_of(row)):
                name = self._names.get(triggers.own_id(row))
                seen.append(self.read(triggers.trigger_order, row, of, mode=self._mode, client_id=name))
        return seen

    async def _waiting(self, instrument: Instrument | None) -> list[Mapping[str, Any]]:
        """Return all rows of the trigger and trailing orders that are open, each with its contract and its id."""
        rows: list[Mapping[str, Any]] = self.read(
            triggers.rows_of,
            await self.pages(lambda offset: triggers.listed(self._settle, instrument, offset=offset), orders.PAGE),
        )
        number = 0
        while True:
            number += 1
            answer = await self.ask(triggers.listed_trails(self._settle, instrument, number=number))
            found = self.read(_trails, answer)
            rows += found
            if len(found) < triggers.TRAIL_PAGE:
                return rows

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended since `start_ns`; unfilled ones are forgotten after about 10 minutes (7.7)."""
        found: list[VenueOrder] = []
        while True:
            rows = self.read(orders.rows_of, await self.ask(orders.finished_orders(instrument, offset=len(found))))
            page = [self.read(orders.venue_order, row, instrument, mode=self._mode) for row in rows]
            found += page
            if len(rows) < orders.PAGE or page[-1].report.ts_event < start_ns:
                return [order for order in found if order.report.ts_event >= start_ns]

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills since `start_ns`, oldest first."""
        end_ns = self._time.time_ns() + _SECOND_NS
        rows = await self.pages(
            lambda offset: history.fills(instrument, start_ns=start_ns, end_ns=end_ns, offset=offset), orders.PAGE
        )
        side = PositionSide.NET if self._mode is PositionMode.ONE_WAY else None
        found = [self.read(history.read_fill, row, instrument, position_side=side) for row in rows]
        return in_order(found, start_ns, end_ns)

    async def balances(self) -> Sequence[Balance]:
        """Return the balance of the settle currency."""
        return [(await self._account()).balance]

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat."""
        data = await self.ask(account.positions_request(self._settle))
        return [found for found in self.read(account.read_positions, data, self.by_name) if not found.is_flat]

    async def _positions_of(self, instrument: Instrument) -> list[Position]:
        data = await self.ask(account.position_request(instrument, self._mode))
        found: list[Position] = self.read(account.read_positions, data, self.by_name)
        return found

    async def funding_payments(self, instrument: Instrument, *, start_ns: int) -> Sequence[FundingPayment]:
        """Return the funding paid and received since `start_ns`, oldest first."""
        end_ns = self._time.time_ns() + _SECOND_NS
        rows = await self.pages(
            lambda offset: account.funding_payments_request(
                instrument, start_ns=start_ns, end_ns=end_ns, offset=offset
            ),
            orders.PAGE,
        )
        return in_order(self.read(account.read_funding_payments, rows, instrument), start_ns, end_ns)


def waits(order: Order) -> bool:
    """Tell whether an order is in the list of those that wait for a trigger, as far as is known."""
    return order.spec.trigger is not None and not order.triggered


def _trails(answer: Any, ts_recv: int) -> list[Mapping[str, Any]]:
    return triggers.rows_of(triggers.trails_in(answer), ts_recv)


def _child(row: Mapping[str, Any], ts_recv: int) -> str | None:
    return triggers.child_id(row)


def _one(row: Any, ts_recv: int) -> Mapping[str, Any]:
    return triggers.rows_of([row], ts_recv)[0]
