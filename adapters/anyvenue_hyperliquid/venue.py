"""The venue: Hyperliquid's pure parts joined to the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import (
    MarginMode,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
)
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RejectReason,
    TradingEnded,
    VenueProtocolError,
    rejection,
)
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingPayment, FundingRate, Quote, Ticker
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAmended, OrderCanceled
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.model.risk_tier import RiskTier
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import AccountEvent, Sink, Subscription
from anyvenue.venue.feed_venue import FeedVenue
from anyvenue.venue.interface import Retention, VenueOrder
from anyvenue.wire.deadline import pause
from anyvenue.wire.request import Request
from anyvenue.wire.server_time import ServerTime
from anyvenue_hyperliquid import auth, endpoints, errors, instruments, rest, streams
from anyvenue_hyperliquid.amended import Amended
from anyvenue_hyperliquid.descriptor import CAPABILITIES, DESCRIPTOR

_STOP_BOUND: Final = Decimal("0.1")
"""How far beyond its trigger a protection may trade; the venue's own client allows as much."""
_LOOK_AGAIN_S: Final = 1.0
"""Servers follow a node: what one does not know yet it may know so much later."""
_WINDOW_S: Final = auth.EXPIRES_MS / 1000
_SECOND_NS: Final = 1_000_000_000
_FRESH_NS: Final = 2 * _SECOND_NS
_STANDARD: Final = ("disabled", "default")


class HyperliquidVenue(FeedVenue):
    """One account on Hyperliquid. Without credentials it has market data only."""

    name = errors.VENUE
    capabilities = CAPABILITIES
    candle_intervals = frozenset(rest.INTERVALS)
    retention = Retention(  # by number, not by time: 2,000 orders and 10,000 fills are remembered
        create_window_s=_WINDOW_S,
        settle_s=5,
        finds_open=True,
        lists_open=True,
        unfilled_s=60,
        filled_s=600,
        unfilled_by_client_id_s=60,
        filled_by_client_id_s=600,
        names_fills=True,
        triggers=True,
    )

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self.markets: dict[str, instruments.Market] = {}
        self._user = ""
        self._dexes = ("", *context.options.dexes)
        self._amended = Amended()
        self._touch: dict[str, tuple[int, Decimal, Decimal]] = {}

    async def connect(self, sink: Sink) -> None:
        """Open the connection: the venue's time, whose account it is, the markets, then the stream."""
        self.sink = sink
        options: endpoints.Options = self.context.options
        urls = await self.reach(endpoints.urls(self.context.environment, options), DESCRIPTOR.simulator)
        time = ServerTime(self.clock, self._server_time)
        signer: auth.Signer | None = None
        if self.credentials:
            is_mainnet = self.context.environment is Environment.LIVE
            signer = auth.Signer(is_mainnet=is_mainnet, vault=options.vault_address)
        self.http = self.client(
            urls["rest"],
            judge=errors.refusal_of,
            sign=signer.sign if signer else lambda credentials, request, path, time_ns: request,
            buckets=rest.BUCKETS,
            server_time=time,
        )
        await time.sync()
        self.keep_time(time)
        fees = instruments.FEES
        if self.credentials and signer:
            self._user = await self._account(self.credentials["address"].reveal(), signer.address(self.credentials))
            told = await self.ask(rest.info("userFees", user=self._user))
            fees = self.read(lambda told, now: (told["userAddRate"], told["userCrossRate"]), told)
        await self._list(fees)
        protocol = streams.Streams(self.by_name, self._user, self._dexes, self._amended)
        await self.open_feed(urls["ws"], protocol, server_time=time)

    async def _server_time(self) -> int:
        told = await self.ask(rest.TIME)
        return self.read(lambda told, now: int(told["time"]) * rest.MS_NS, told)

    async def _account(self, address: str, agent: str) -> str:
        """Return whose orders these are. Raises TradingEnded where the key may not sign for it."""
        address = address.lower()
        if not endpoints.is_address(address):
            raise TradingEnded("address: it is none; allowed is 0x and 40 hexadecimal digits", venue=self.name)
        if agent != address:
            role = await self.ask(rest.info("userRole", 60, user=agent))
            if role.get("role") != "agent" or str(role["data"]["user"]).lower() != address:
                text = (
                    f"the private key is that of {agent}, which is no agent of {address}; approve it, on this network"
                )
                raise TradingEnded(text, venue=self.name)
        user: str = self.context.options.vault_address.lower() or address
        mode = await self.ask(rest.info("userAbstraction", user=user))
        if mode not in _STANDARD:
            text = f"found the account mode {mode!r}; allowed is the standard mode, in which each dex has its own money"
            raise TradingEnded(text, venue=self.name)
        return user

    async def _list(self, fees: tuple[str, str]) -> None:
        rows: list[Any] = []
        names: list[str] = [""]
        if len(self._dexes) > 1:
            names += [dex["name"] for dex in (await self.ask(rest.info("perpDexs")))[1:]]
        for dex in self._dexes:
            if dex not in names:
                raise NotSupported(f"dexes: found {dex!r}; allowed are {', '.join(names[1:])}", venue=self.name)
            meta = await self.ask(rest.info("meta", dex=dex))
            rows += self.read(lambda meta, index, now: instruments.dex_rows(meta, index), meta, names.index(dex))
        self.list_instruments(rows, partial(instruments.read_instrument, fees=fees))
        self.markets = {row["name"]: instruments.read_market(row) for row in rows if row["name"] in self.by_name}

    def on_event(self, event: Any) -> None:
        """Note the best prices, and ask how much of a reduce-only order has traded."""
        if isinstance(event, streams.Ended):
            self.start(f"order {event.number}", partial(self._tell, event.number), after_s=0.2)
            return
        if isinstance(event, BookSnapshot) and event.bids and event.asks:
            best = Decimal(event.bids[0][0]), Decimal(event.asks[0][0])
            self._touch[event.instrument.venue_symbol] = (event.ts_recv, *best)
        elif isinstance(event, Quote) and event.bid is not None and event.ask is not None:
            self._touch[event.instrument.venue_symbol] = (event.ts_recv, event.bid, event.ask)
        self.sink(event)

    # Market data

    def topic_of(self, subscription: Subscription) -> streams.Topic:
        """Return what Hyperliquid calls a channel."""
        return streams.topic_of(subscription)

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return how depth frames are to be taken."""
        return streams.DEPTH_RULE

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now; 20 levels a side is all there is."""
        request = rest.info("l2Book", rest.LIGHT, coin=instrument.venue_symbol)
        return self.read(rest.read_book, await self.ask(request), instrument)

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return mark and oracle price and the hour's funding rate."""
        dex, found, _ = instrument.venue_symbol.rpartition(":")
        meta, contexts = await self.ask(rest.info("metaAndAssetCtxs", dex=dex if found else ""))
        place = self.markets[instrument.venue_symbol].asset % 10_000
        if meta["universe"][place]["name"] != instrument.venue_symbol:
            raise VenueProtocolError(f"asset {place} is not {instrument.venue_symbol} any more", venue=self.name)
        return self.read(rest.read_ticker, contexts[place], instrument)

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return candles, of which the venue keeps the latest 5,000."""
        if interval_s not in rest.INTERVALS:
            raise NotSupported(f"interval_s: found {interval_s}; allowed are {sorted(rest.INTERVALS)}", venue=self.name)
        interval_ns = interval_s * _SECOND_NS
        first = -(-start_ns // interval_ns) * interval_ns // rest.MS_NS

        def page(start_ms: int) -> Request:
            wish = {"coin": instrument.venue_symbol, "interval": rest.INTERVALS[interval_s]}
            wish |= {"startTime": start_ms, "endTime": end_ns // rest.MS_NS - 1}
            return rest.info("candleSnapshot", 20 + rest.PAGE // 60, req=wish)

        rows = await self._by_time(page, first, "t") if first * rest.MS_NS < end_ns else []
        return self.read_each(rest.read_candle, [row for row in rows if row["t"] >= first], instrument)

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates, of an hour each."""

        def page(start_ms: int) -> Request:
            wish = {"coin": instrument.venue_symbol, "startTime": start_ms, "endTime": end_ns // rest.MS_NS - 1}
            return rest.info("fundingHistory", rest.MANY, **wish)

        rows = await self._by_time(page, -(-start_ns // rest.MS_NS))
        return self.read_each(rest.read_funding_rate, rows, instrument)

    async def risk_tiers(self, instrument: Instrument) -> Sequence[RiskTier]:
        """Return the margin tiers as they were listed at the connection."""
        return instruments.risk_tiers(self.markets[instrument.venue_symbol])

    async def _by_time(self, page: Callable[[int], Request], start_ms: int, name: str = "time") -> list[Any]:
        """Return all rows from a time on, oldest first. A page begins with the time that the last one ended with."""
        rows: list[Any] = []
        while True:
            told = self.read(lambda rows, now: sorted(rows, key=lambda row: row[name]), await self.ask(page(start_ms)))
            new = [row for row in told if row not in rows[-2 * rest.FILLS_PAGE :]]
            rows += new
            if len(told) < rest.PAGE or not new:
                return rows
            start_ms = new[-1][name]

    # Commands

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once; one with a protection together with its triggers."""
        asset, item = await self._item(spec)
        items, grouping = [item], "na"
        if spec.protection is not None:
            items += self._triggers(spec.instrument, spec.side.opposite, spec.quantity, spec.protection)
            grouping = "normalTpsl"
        entries = await self._act(rest.place(items, grouping), len(items))
        for entry in reversed(entries):
            self._raise(entry)
        return [self.read(rest.read_entry, entries[0], spec)]

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders in one action."""
        answers: list[Sequence[AccountEvent] | Exception] = []
        items: dict[int, Any] = {}
        for place, spec in enumerate(specs):
            answers.append([])
            try:
                items[place] = (await self._item(spec))[1]
                if spec.protection is not None:
                    raise NotSupported("an order with a protection is no part of a batch", venue=self.name)
            except (AnyvenueError, ValueError) as error:
                items.pop(place, None)
                answers[place] = error
        entries = await self._act(rest.place(list(items.values())), len(items)) if items else []
        for place, entry in zip(items, entries, strict=True):
            try:
                self._raise(entry)
                answers[place] = [self.read(rest.read_entry, entry, specs[place])]
            except AnyvenueError as error:
                answers[place] = error
        return answers

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's number, else (or where an amend may have changed that) by our id."""
        name = rest.name_of(order, by_client_id=self._may_have_moved(order))
        (entry,) = await self._act(rest.cancel(self._asset(order.instrument), name), 1)
        self._raise(entry)
        if entry != "success":
            raise OutcomeUnknown(f"the cancel was answered with {entry!r}", venue=self.name)
        return [OrderCanceled(client_order_id=order.client_order_id or None, venue_order_id=order.venue_order_id)]

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Have the venue put another order in the place of this one, for what is left of it; it is post-only."""
        if order.spec.trigger is not None or order.venue_order_id is None:
            raise NotSupported("only orders that rest, without a trigger, can be amended", venue=self.name)
        total, filled = quantity or order.quantity, order.filled_quantity
        if total <= filled:
            text = f"quantity: found {total}, of which {filled} has traded; cancel it instead"
            raise NotSupported(text, venue=self.name)
        spec = evolve(order.spec, price=price or order.price, quantity=total - filled, post_only=True, protection=None)
        client_id, number = order.client_order_id, order.venue_order_id
        modify = {"oid": int(number), "order": rest.order_item(spec, self._asset(order.instrument), None)}
        until_ns = self.clock.time_ns() + int(2 * _WINDOW_S) * _SECOND_NS
        self._amended.begin(client_id, number, filled, until_ns)
        try:
            (entry,) = await self._act(rest.action("batchModify", modifies=[modify]), 1)
            self._raise(entry)
            report = self.read(rest.read_entry, entry, spec)
        except Rejected:
            self._amended.end(client_id)
            self.start(f"order {client_id}", partial(self._tell, rest.cloid_of(client_id)))  # it may be gone
            raise
        except (OutcomeUnknown, VenueProtocolError):
            tell = partial(self._tell, rest.cloid_of(client_id))
            self.start(f"order {client_id}", tell, after_s=2 * _WINDOW_S)
            raise
        except AnyvenueError:
            self._amended.end(client_id)
            raise
        self._amended.end(client_id, report.venue_order_id)
        return [
            OrderAmended(
                client_order_id=client_id,
                venue_order_id=report.venue_order_id,
                price=spec.price,
                quantity=total,
                ts_recv=report.ts_recv,
            )
        ]

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set triggers that follow the position's size, then take away the ones it had."""
        held = next((one for one in await self.positions() if one.instrument.key == instrument.key), None)
        if held is None:
            raise rejection("there is no position", reason=RejectReason.REDUCE_ONLY, venue=self.name)
        old = [row for row in await self._open_rows() if row.get("isPositionTpsl")]
        side = Side.SELL if held.quantity > 0 else Side.BUY
        items = self._triggers(instrument, side, abs(held.quantity), protection)
        for entry in await self._act(rest.place(items, "positionTpsl"), len(items)):
            self._raise(entry)
        cancels = [
            {"a": self._asset(instrument), "o": row["oid"]} for row in old if row["coin"] == instrument.venue_symbol
        ]
        if cancels:
            await self._act(rest.action("cancel", urgent=True, cancels=cancels), len(cancels))
        return []

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage, a whole number, and margin mode; return the position as it is then."""
        is_cross = margin_mode is MarginMode.CROSS
        if leverage != int(leverage) or (is_cross and self.markets[instrument.venue_symbol].isolated_only):
            text = f"{instrument.key}: found {leverage} {margin_mode.value}; allowed are whole numbers"
            raise NotSupported(f"{text}; builders' markets may be isolated only", venue=self.name)
        asset = self._asset(instrument)
        await self._act(rest.action("updateLeverage", asset=asset, isCross=is_cross, leverage=int(leverage)), 0)
        told = await self.ask(rest.info("activeAssetData", user=self._user, coin=instrument.venue_symbol))
        held = [one for one in await self.positions() if one.instrument.key == instrument.key]
        return self.read(rest.read_leverage, told, held[0] if held else Position(instrument=instrument))

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have the venue cancel all orders, triggers too, after so many seconds, 5 at least."""
        time_ms = self.clock.time_ns() // rest.MS_NS + 1000 * timeout_s
        await self._act(rest.action("scheduleCancel", **({"time": time_ms} if timeout_s else {})), 0)

    async def _item(self, spec: OrderSpec) -> tuple[int, dict[str, Any]]:
        """Return an order as it is sent. Raises NotSupported for what the venue has not."""
        self.check(spec)
        if spec.self_trade_prevention not in (None, SelfTradePrevention.CANCEL_OLDEST):
            raise NotSupported("self_trade_prevention: the resting order is canceled, always", venue=self.name)
        if spec.trigger is not None and not (spec.reduce_only and spec.trigger.source is PriceSource.MARK):
            text = "trigger: allowed are reduce-only orders alone, with the mark price as their source"
            raise NotSupported(text, venue=self.name)
        asset, bound = self._asset(spec.instrument), None
        if spec.price is None:
            at, slippage = await self._best(spec), self.context.options.slippage
            if spec.trigger is not None and spec.trigger.price is not None:
                at, slippage = spec.trigger.price, _STOP_BOUND
            bound = rest.bounded(spec.instrument, spec.side, at, slippage)
        return asset, rest.order_item(spec, asset, bound)

    async def _best(self, spec: OrderSpec) -> Decimal:
        """Return the price that a taker gets, asked for where nothing told it just now."""
        name, now = spec.instrument.venue_symbol, self.clock.time_ns()
        told_ns, *best = self._touch.get(name, (0, ZERO, ZERO))
        if now - told_ns > _FRESH_NS:
            book = await self.order_book(spec.instrument)
            if not book.bids or not book.asks:
                raise NotSent(f"{spec.instrument.key}: nobody quotes, so a market order has no bound", venue=self.name)
            best = [Decimal(book.bids[0][0]), Decimal(book.asks[0][0])]
        return best[spec.side is Side.BUY]

    def _triggers(self, instrument: Instrument, side: Side, quantity: Decimal, protection: Protection) -> list[Any]:
        if protection.source is not PriceSource.MARK:
            raise NotSupported("protection: allowed is the mark price as its source", venue=self.name)
        prices = [("tp", protection.take_profit), ("sl", protection.stop_loss)]
        triggers = [
            (word, price, rest.bounded(instrument, side, price, _STOP_BOUND)) for word, price in prices if price
        ]
        items: list[Any] = rest.closing_items(self._asset(instrument), side, quantity, triggers)
        return items

    async def _act(self, request: Request, count: int) -> list[Any]:
        """Send an action and return the entries of its answer. One error may stand for all that it was about."""
        told = await self.ask(request)
        if told["status"] != "ok":
            raise errors.error_of(told["response"], request.name)
        entries: list[Any] = told["response"].get("data", {}).get("statuses", [])
        if len(entries) < count and entries and "error" in entries[0]:
            return [entries[0]] * count
        if len(entries) != count:
            raise VenueProtocolError(
                f"{len(entries)} answers to {count} orders", raw=repr(told).encode(), venue=self.name
            )
        return entries

    def _raise(self, entry: Any) -> None:
        """Raise the error of one entry."""
        if isinstance(entry, dict) and "error" in entry:
            raise errors.error_of(entry["error"], "order")

    def _asset(self, instrument: Instrument) -> int:
        return self.markets[instrument.venue_symbol].asset

    def _may_have_moved(self, order: Order) -> bool:
        return order.amend is not None or bool(order.former_ids) or order.client_order_id in self._amended

    # Look-ups

    def _of_user(self, kind: str, weight: int = 20, **members: Any) -> Request:
        if not self._user:
            raise NotSent("this connection has no account; give it credentials", venue=self.name, request=kind)
        return rest.info(kind, weight, user=self._user, **members)

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up; that the venue does not know it is believed when it says so twice."""
        name = rest.name_of(order, by_client_id=self._may_have_moved(order))
        row = await self._status(name)
        if row is None:
            return None
        found = (await self._read_orders([row], amended=bool(order.former_ids)))[0]
        self._follow(found, order.venue_order_id)
        return found

    async def _status(self, name: int | str) -> Mapping[str, Any] | None:
        request = self._of_user("orderStatus", rest.LIGHT, oid=name)
        for wait_s in (_LOOK_AGAIN_S, 0):
            told = await self.ask(request)
            if told["status"] == "order":
                row: Mapping[str, Any] = told["order"]
                return row
            if wait_s:
                await pause(self.clock, wait_s)
        return None

    async def _tell(self, name: int | str) -> None:
        """Look an order up and tell what is found."""
        row = await self._status(int(name) if str(name).isdigit() else name)
        if row is not None and row["order"]["coin"] in self.by_name:
            (found,) = await self._read_orders([row])
            self._follow(found, None)
            self.sink(found.report)

    def _follow(self, found: VenueOrder, known: str | None) -> None:
        """Tell the new number of an order that has been amended."""
        report = found.report
        client_id, number = report.client_order_id, report.venue_order_id
        if client_id is None or number is None or report.state.is_terminal:
            return
        if self._amended.is_new(client_id, number) or (known not in (None, number) and client_id not in self._amended):
            self._amended.end(client_id, number)
            self.sink(
                OrderAmended(
                    client_order_id=client_id, venue_order_id=number, price=report.price, quantity=report.quantity
                )
            )

    async def _read_orders(self, rows: Sequence[Any], *, amended: bool = False) -> list[VenueOrder]:
        """Read rows of a look-up, together with the fills where the rows alone do not tell what has traded."""
        traded: dict[str, Decimal] = {}
        unsure = [
            row
            for row in rows
            if amended or (row["order"].get("reduceOnly") and row["status"] not in ("open", "triggered"))
        ]
        if unsure:
            start_ns = min(row["order"]["timestamp"] for row in unsure) * rest.MS_NS
            for fill in await self._all_fills(start_ns - 3600 * _SECOND_NS * amended):
                for name in {fill.venue_order_id, fill.client_order_id} - {None}:
                    traded[str(name)] = traded.get(str(name), ZERO) + fill.quantity
        found = []
        for row in rows:
            number, client_id = str(row["order"]["oid"]), rest.client_id_of(row["order"].get("cloid"))
            name = client_id if amended and client_id else number
            sum_of_fills = traded.get(name, ZERO) if row in unsure else None
            before = self._amended.before(client_id, number)
            found.append(self.read(rest.read_order, row, self.by_name, before, sum_of_fills))
        return found

    async def _open_rows(self) -> list[Any]:
        """Return the open orders of all dexes, those that wait for their parent too."""
        return [row for dex in self._dexes for row in await self.ask(self._of_user("frontendOpenOrders", dex=dex))]

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of the account."""
        wanted = self.by_name if instrument is None else {instrument.venue_symbol: instrument}
        rows = [row for row in await self._open_rows() if row["coin"] in wanted]
        return await self._read_orders(
            [{"order": row, "status": "open", "statusTimestamp": row["timestamp"]} for row in rows]
        )

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended, of the account's latest 2,000."""
        rows = await self.ask(self._of_user("historicalOrders", 20 + rest.MANY))
        wanted = [
            row
            for row in rows
            if row["order"]["coin"] == instrument.venue_symbol
            and row["statusTimestamp"] * rest.MS_NS >= start_ns
            and row["status"] not in ("open", "triggered")
        ]
        ended = await self._read_orders(wanted[::-1])
        return [one for one in ended if not self._goes_on(one)]

    def _goes_on(self, one: VenueOrder) -> bool:
        report = one.report
        number, client_id = report.venue_order_id or "", report.client_order_id
        before = self._amended.before(client_id, number)
        return self._amended.learn(client_id, number, report.filled_quantity - before, self.clock.time_ns())

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills, of which the venue keeps the latest 10,000."""
        return [one for one in await self._all_fills(start_ns) if one.instrument.key == instrument.key]

    async def _all_fills(self, start_ns: int) -> list[Fill]:
        def page(start_ms: int) -> Request:
            return self._of_user("userFillsByTime", rest.MANY, startTime=start_ms)

        rows = await self._by_time(page, start_ns // rest.MS_NS)
        return self.read_each(rest.read_fill, [row for row in rows if row["coin"] in self.by_name], self.by_name)

    async def funding_payments(self, instrument: Instrument, *, start_ns: int) -> Sequence[FundingPayment]:
        """Return the funding paid and received."""

        def page(start_ms: int) -> Request:
            return self._of_user("userFunding", rest.MANY, startTime=start_ms)

        rows = await self._by_time(page, -(-start_ns // rest.MS_NS))
        wanted = [row for row in rows if row["delta"]["coin"] == instrument.venue_symbol]
        return self.read_each(rest.read_payment, wanted, self.by_name)

    async def _states(self) -> list[Any]:
        return [await self.ask(self._of_user("clearinghouseState", rest.LIGHT, dex=dex)) for dex in self._dexes]

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat."""
        return [one for state in await self._states() for one in self.read(rest.read_positions, state, self.by_name)]

    async def balances(self) -> Sequence[Balance]:
        """Return the account's money, in USDC."""
        return [self.read(rest.read_balance, await self._states())]
