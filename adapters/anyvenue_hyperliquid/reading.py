"""What is asked of Hyperliquid: market data, and the evidence of what became of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import NotSent, NotSupported
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingPayment, FundingRate
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.model.risk_tier import RiskTier
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Subscription
from anyvenue.venue.feed_venue import FeedVenue
from anyvenue.venue.interface import VenueOrder
from anyvenue.venue.replaced import Replaced, moved
from anyvenue.wire.deadline import pause
from anyvenue.wire.request import Request
from anyvenue_hyperliquid import instruments, rest, streams
from anyvenue_hyperliquid.rest import MS_NS

_LOOK_AGAIN_S: Final = 1.0
"""Servers follow a node: what one does not know yet it may know so much later."""
_EARLIER: Final = "earlier"
"""In place of the numbers that an order had before this process was there."""
_KNOWN_MAX: Final = 10_000
_DAY_NS: Final = 86_400_000_000_000


class HyperliquidReading(FeedVenue):
    """The half of the venue that sends no orders.

    Attributes:
        user: the address of the account that is traded for; empty without one.
        markets: asset ids and margin terms, by the venue's names.
        dexes: those that are traded on, the main one, which has no name, first.
        amended: the orders that were amended.
        known: the client ids of orders that this process has made, or looked at whole.
    """

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self.user = ""
        self.markets: dict[str, instruments.Market] = {}
        self.dexes = ("", *context.options.dexes)
        self.amended = Replaced()
        self.known: dict[str, None] = {}

    # Market data

    def topic_of(self, subscription: Subscription) -> streams.Topic:
        """Return what Hyperliquid calls a channel."""
        return streams.topic_of(subscription)

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return how depth frames are to be taken."""
        return streams.DEPTH_RULE

    def on_event(self, event: Any) -> None:
        """Tell what the stream tells, but for a reduce-only order's end: that takes its fills."""
        if isinstance(event, streams.Ended):
            self.start(f"order {event.number}", partial(self.tell, event.number), after_s=0.2)
        else:
            self.sink(event)

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now; 20 levels a side is all there is."""
        request = rest.info("l2Book", rest.LIGHT, coin=instrument.venue_symbol)
        return self.read(rest.read_book, await self.ask(request), instrument)

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return candles, of which the venue keeps the latest 5,000."""
        if interval_s not in rest.INTERVALS:
            raise NotSupported(f"interval_s: found {interval_s}; allowed are {sorted(rest.INTERVALS)}", venue=self.name)
        wish = {"coin": instrument.venue_symbol, "interval": rest.INTERVALS[interval_s], "endTime": end_ns // MS_NS - 1}
        rows = await self.pages_since(
            lambda start_ms: rest.info("candleSnapshot", 30, req={**wish, "startTime": start_ms}),
            -(-start_ns // MS_NS),
            size=rest.PAGE,
            time_of=lambda row: int(row["t"]),
        )
        found = self.read_each(rest.read_candle, rows, instrument)
        return [candle for candle in found if start_ns <= candle.ts_open < end_ns]

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates, of an hour each."""
        wish = {"coin": instrument.venue_symbol, "endTime": end_ns // MS_NS - 1}
        rows = await self._since("fundingHistory", -(-start_ns // MS_NS), wish)
        return self.read_each(rest.read_funding_rate, rows, instrument)

    async def risk_tiers(self, instrument: Instrument) -> Sequence[RiskTier]:
        """Return the margin tiers as they were listed at the connection."""
        return instruments.risk_tiers(self.markets[instrument.venue_symbol])

    # Orders

    def of_user(self, kind: str, weight: int = 20, **members: Any) -> Request:
        """Ask about the account. Raises NotSent where there is none."""
        if not self.user:
            raise NotSent("this connection has no account; give it credentials", venue=self.name, request=kind)
        return rest.info(kind, weight, user=self.user, **members)

    def may_have_moved(self, order: Order) -> bool:
        """Tell whether the venue may have another number for an order than is known."""
        return order.amend is not None or bool(order.former_ids) or order.client_order_id in self.amended

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up; that the venue does not know it is believed when it says so twice."""
        row = await self._status(rest.name_of(order, by_client_id=self.may_have_moved(order)))
        return None if row is None else await self._followed(row, order.venue_order_id)

    async def tell(self, name: str) -> None:
        """Look an order up, by number or cloid, and tell what is found."""
        row = await self._status(int(name) if name.isdigit() else name)
        if row is not None and row["order"]["coin"] in self.by_name:
            self.sink((await self._followed(row, None)).report)

    async def _status(self, name: int | str) -> Mapping[str, Any] | None:
        request = self.of_user("orderStatus", rest.LIGHT, oid=name)
        row = self.read(rest.read_status, await self.ask(request))
        if row is None:
            await pause(self.clock, _LOOK_AGAIN_S)
            row = self.read(rest.read_status, await self.ask(request))
        return row

    async def _followed(self, row: Mapping[str, Any], known: str | None) -> VenueOrder:
        """Read a row; where the order goes by a number that was not known, tell that."""
        (found,) = await self._read_orders([row])
        report = found.report
        client_id, number = report.client_order_id or "", report.venue_order_id or ""
        is_new = self.amended.is_new(client_id, number) or known not in (None, number)
        if is_new and not report.state.is_terminal:
            self.amended.end(client_id, number)
            self.sink(moved(report))
        return found

    async def _read_orders(self, rows: Sequence[Any]) -> list[VenueOrder]:
        """Read rows of a look-up; with their fills where the rows alone do not tell what has traded.

        That is so for reduce-only orders, and for orders of ours that another process may have amended.
        """
        orders = self.read(lambda rows, now: [rest.named(row) for row in rows], rows)
        strange = [order for order in orders if order.is_ours and order.client_id not in self.known]
        unsure = [order for order in orders if order.is_reduced]
        fills: list[Fill] = []
        if strange or unsure:
            first_ns = min(order.ts_created for order in (*strange, *unsure))
            fills = await self._all_fills(first_ns - _DAY_NS * bool(strange))
        for order in strange:
            total = sum((fill.quantity for fill in fills if fill.client_order_id == order.client_id), ZERO)
            before = sum((fill.quantity for fill in fills if fill.venue_order_id == order.number), ZERO)
            if total > before:
                self.amended.begin(order.client_id or "", _EARLIER, total - before, until_ns=0)
                self.amended.end(order.client_id, order.number)
            self.note(order.client_id or "")
        found = []
        for row, order in zip(rows, orders, strict=True):
            traded = None
            if order.is_reduced:
                traded = sum((fill.quantity for fill in fills if fill.venue_order_id == order.number), ZERO)
            before = self.amended.before(order.client_id, order.number)
            found.append(self.read(rest.read_order, row, self.by_name, before, traded))
        return found

    def note(self, client_id: str) -> None:
        """Note that an order is known from its beginning, so that its reports can be believed."""
        self.known[client_id] = None
        if len(self.known) > _KNOWN_MAX:
            del self.known[next(iter(self.known))]

    async def open_rows(self) -> list[Any]:
        """Return the open orders of all dexes, those that wait for their parent too, as the venue has them."""
        rows = []
        for dex in self.dexes:
            told = await self.ask(self.of_user("frontendOpenOrders", dex=dex))
            rows += self.read(lambda told, now: [row for row in told if row["coin"] in self.by_name], told)
        return rows

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of the account."""
        rows = [
            {"order": row, "status": "open", "statusTimestamp": row["timestamp"]}
            for row in await self.open_rows()
            if instrument is None or row["coin"] == instrument.venue_symbol
        ]
        return await self._read_orders(rows)

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended, of the account's latest 2,000."""
        told = await self.ask(self.of_user("historicalOrders", 20 + rest.MANY))
        rows = self.read(rest.ended_since, told, instrument.venue_symbol, start_ns)
        found = await self._read_orders(rows)
        return [one for one in found if not self.amended.goes_on(one.report, self.clock.time_ns())]

    # The account

    async def _since(self, kind: str, start_ms: int, members: Mapping[str, Any]) -> list[Any]:
        """Return all rows of a list by time."""
        return await self.pages_since(
            lambda start_ms: rest.info(kind, rest.MANY, **members, startTime=start_ms),
            start_ms,
            size=rest.PAGE,
            time_of=lambda row: int(row["time"]),
        )

    async def _all_fills(self, start_ns: int) -> list[Fill]:
        self.of_user("userFillsByTime")
        told = await self._since("userFillsByTime", start_ns // MS_NS, {"user": self.user})
        rows = self.read(lambda told, now: [row for row in told if row["coin"] in self.by_name], told)
        return self.read_each(rest.read_fill, rows, self.by_name)

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills, of which the venue keeps the latest 10,000."""
        return [one for one in await self._all_fills(start_ns) if one.instrument.key == instrument.key]

    async def funding_payments(self, instrument: Instrument, *, start_ns: int) -> Sequence[FundingPayment]:
        """Return the funding paid and received."""
        self.of_user("userFunding")
        told = await self._since("userFunding", -(-start_ns // MS_NS), {"user": self.user})
        coin = instrument.venue_symbol
        rows = self.read(lambda told, now: [row for row in told if row["delta"]["coin"] == coin], told)
        return self.read_each(rest.read_payment, rows, self.by_name)

    async def _states(self) -> list[Any]:
        return [await self.ask(self.of_user("clearinghouseState", rest.LIGHT, dex=dex)) for dex in self.dexes]

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat."""
        return [one for state in await self._states() for one in self.read(rest.read_positions, state, self.by_name)]

    async def balances(self) -> Sequence[Balance]:
        """Return the account's money, in USDC."""
        return [self.read(rest.read_balance, await self._states())]
