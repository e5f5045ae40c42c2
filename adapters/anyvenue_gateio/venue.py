"""The venue: Gate's pure parts joined to the wire."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

import httpx
import orjson
from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, Side, TriggerKind
from anyvenue.model.errors import (
    AnyvenueError,
    InvalidOrder,
    NotSupported,
    RateLimited,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownOrder,
    VenueProtocolError,
)
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingPayment, FundingRate, Ticker, Trade
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderReported,
    OrderSent,
    OrderTriggered,
)
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import (
    AccountEvent,
    Channel,
    Sink,
    StreamStale,
    Subscription,
    VenueEvent,
)
from anyvenue.venue.interface import Retention, VenueOrder
from anyvenue.venue.missed import filled
from anyvenue.venue.remote import RemoteVenue, StreamKey, stream_key
from anyvenue.wire.breaker import Breaker
from anyvenue.wire.deadline import pause
from anyvenue.wire.dial import dial
from anyvenue.wire.http import HttpClient
from anyvenue.wire.limits import RateLimiter
from anyvenue.wire.request import Request
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Dial
from anyvenue_gateio import auth, errors, instruments, limits
from anyvenue_gateio.descriptor import CAPABILITIES
from anyvenue_gateio.endpoints import GateOptions, urls
from anyvenue_gateio.feed import TOPICS_MAX, Feed, Keys
from anyvenue_gateio.rest import account, history, market, orders, triggers
from anyvenue_gateio.streams import UPDATES, Notice, Reader, Topic, depth_rule, topic_of

__all__ = ["GateVenue"]

_log = logging.getLogger("anyvenue.gateio")

_SECOND_NS: Final = 1_000_000_000
PUSH_PAUSE_S: Final = 0.25
"""Where a push tells only that something changed: this long after one it is asked for, once."""
RECENT_NS: Final = 60 * _SECOND_NS
NAMES_KEPT: Final = 10_000
RESYNC_PAUSE_S: Final = 0.5
"""A snapshot by REST may lag behind the stream (13.1): the next one is asked for no sooner than this."""


_HOUR_S: Final = 3_600
"""An order with a fill is found by text without a limit, or, by older texts (7.3), for an hour."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_SIDES: Final = {
    PositionMode.ONE_WAY: (PositionSide.NET,),
    PositionMode.HEDGE: (PositionSide.LONG, PositionSide.SHORT),
}
_GONE: Final = (RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_CLOSED)


class _Timed(Protocol):
    @property
    def ts_event(self) -> int: ...


T = TypeVar("T", bound=_Timed)


class GateVenue(RemoteVenue):
    """One account on Gate's perpetual futures, in one settle currency. Without credentials it has market data only."""

    name = errors.VENUE
    capabilities = CAPABILITIES
    _feed: Feed

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._options: GateOptions = context.options
        self._settle = self._options.settle
        self._names: OrderedDict[str, str] = OrderedDict()
        self._waits: dict[str | None, Order] = {}
        self._reader = Reader(self.by_name.get, self._names.get)
        self._limiter = RateLimiter(limits.BUCKETS, self.clock)
        self._time = ServerTime(self.clock, self._server_time)
        self._mode = PositionMode.ONE_WAY
        self._keys: Keys | None = None
        self._topics: dict[StreamKey, Topic] = {}
        self._extra: list[Feed] = []
        self._snapshots: dict[str, int] = {}
        self._closes = 0

    # Connecting

    async def connect(self, sink: Sink) -> None:
        """Open the connection: server time, the account and its mode, contracts, then the stream."""
        self.sink = partial(self._tell, sink)
        rest_url, self._ws_url, transport, self._dial, keys = await self._reach()
        self.http = HttpClient(
            rest_url,
            venue=self.name,
            clock=self.clock,
            judge=errors.refusal_of,
            sign=self._sign,
            limiter=self._limiter,
            limits_of=limits.limits_of,
            server_time=self._time,
            headers=auth.HEADERS,
            breaker=Breaker(self.clock),
            transport=transport,
        )
        self.at_close(self.http.close)
        await self._time.sync()
        self.keep_time(self._time)
        if keys is not None:
            self._keys = keys
            known = await self._account()
            self._set_mode(known.position_mode)
            self._keys, self.is_private = evolve(keys, user=known.user), True
        await self._list_instruments()
        self._feed = self._make_feed(self.lost, self._returned, keys=self._keys)
        self.at_close(self._feed.close)
        await self._feed.open()

    async def _reach(self) -> tuple[str, str, httpx.AsyncBaseTransport | None, Dial, Keys | None]:
        """Return URLs, transport, dialer and keys of the environment; a simulator is started where there is none."""
        if self.context.environment is Environment.SIMULATOR:
            from anyvenue.simulation.server.hosting import host
            from anyvenue_gateio.simulator.dialect import GateDialect

            hosted = await host(self.context, GateDialect)
            self.at_close(hosted.release)
            own = Keys(hosted.key.key, hosted.key.secret)
            return hosted.urls["rest"], hosted.urls[f"ws_{self._settle}"], hosted.transport, hosted.dial, own
        given = self.context.credentials
        keys = Keys(given["key"].reveal(), given["secret"]) if given else None
        return *urls(self.context.environment, self._options), None, dial, keys

    def _make_feed(self, on_down: Callable[[str], None], on_up: Callable[[], None], *, keys: Keys | None) -> Feed:
        return Feed(
            self._ws_url,
            clock=self.clock,
            time=self._time,
            dial=self._dial,
            reader=self._reader,
            on_event=self._on_event,
            on_down=on_down,
            on_up=on_up,
            keys=keys,
            login=self._options.order_entry == "websocket",
        )

    async def _server_time(self) -> int:
        return market.read_server_time(await self.ask(market.SERVER_TIME))

    def _sign(self, request: Request, path: str, time_ns: int) -> Mapping[str, str]:
        if self._keys is None:
            raise NotSupported("this connection has no credentials, so it has market data only", venue=self.name)
        return auth.rest_headers(self._keys.key, self._keys.secret, request, path, time_ns)

    async def _list_instruments(self) -> None:
        fees = await self.ask(instruments.fees_request(self._settle)) if self._keys else None
        rows = await self.pages(lambda offset: instruments.contracts_request(self._settle, offset), orders.PAGE)
        data = list({row["name"]: row for row in rows}.values())  # pages shift while they are read
        found, left_out = instruments.read_contracts(
            data, settle=self._settle, connection=self.context.connection, now_ns=self._time.time_ns(), fees=fees
        )
        self.by_name.update((instrument.venue_symbol, instrument) for instrument in found)
        for name, why in left_out.items():
            _log.info("%s is left out: %s", name, why)

    def explain(self, symbol: str) -> str:
        """Tell which settle currency has a contract that this one has not."""
        error = instruments.wrong_settle(symbol, self._settle)
        return "" if error is None else str(error)

    # What comes in

    def _on_event(self, event: VenueEvent | Notice) -> None:
        if isinstance(event, Notice):
            if event.kind == "balance":  # what is available is not told (12.2)
                self.start("balance", self._tell_balance, after_s=PUSH_PAUSE_S)
            elif event.kind == "fills":
                instrument = self.by_name[event.text]
                self.start(f"fills {event.text}", partial(self._tell_fills, instrument), after_s=PUSH_PAUSE_S)
            else:
                _log.warning("%s", event.text)
            return
        if not isinstance(event, FundingRate) or (Channel.FUNDING, event.instrument.key, None) in self._topics:
            self.sink(event)

    def _tell(self, sink: Sink, event: VenueEvent) -> None:
        """Tell an event, and before the first news of the order that a waiting one became: that it fired."""
        if isinstance(event, OrderTriggered):
            self._waits.pop(event.client_order_id, None)
            if event.venue_order_id is not None:  # its news may have come before it could be known as ours
                self.start(f"order {event.venue_order_id}", partial(self._tell_child, event.venue_order_id))
        elif isinstance(event, OrderReported | OrderFilled):
            name, own_id = event.client_order_id, event.venue_order_id
            if triggers.order_kind(own_id or "") is triggers.OrderKind.ORDER:
                if self._waits.pop(name, None) is not None:
                    sink(OrderTriggered(client_order_id=name, venue_order_id=own_id, ts_recv=event.ts_recv))
                elif name is None and self._waits:
                    self.start("trailing orders", self._look_at_trails)
            elif isinstance(event, OrderReported) and event.state.is_terminal:
                self._waits.pop(name, None)
        sink(event)

    async def _look_at_trails(self) -> None:
        """Ask whether an order nobody knows came of a trailing one: of these Gate pushes nothing."""
        for order in list(self._waits.values()):
            if order.spec.trigger is not None and order.spec.trigger.kind is TriggerKind.TRAILING:
                found = await self.order(order)
                if found is not None:
                    self.sink(found.report)

    async def _tell_fills(self, instrument: Instrument) -> None:
        for fill in await self.fills(instrument, start_ns=self._time.time_ns() - RECENT_NS):
            self.sink(filled(fill))

    async def _tell_child(self, venue_order_id: str) -> None:
        with suppress(UnknownOrder):
            row = await self.ask(orders.question(f"/futures/{self._settle}/orders/{venue_order_id}"))
            instrument = self.by_name[row["contract"]]
            self.sink(self.read(orders.order_report, row, instrument))
            await self._tell_fills(instrument)

    def _set_mode(self, mode: PositionMode) -> None:
        self._mode = mode
        self._reader.is_hedged = mode is PositionMode.HEDGE
        self.sides = _SIDES[mode]

    async def _tell_balance(self) -> None:
        for balance in await self.balances():
            self.sink(balance)

    def _returned(self) -> None:
        self.returned()
        for topic in self._feed.topics:
            if topic.channel == UPDATES:
                self.start(f"book {topic.payload[0]}", partial(self._insist, self._send_snapshot, topic))

    # Market data

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return the rule of 13.1 or 13.2, by the options."""
        return depth_rule(instrument, updates=self._options.by_updates)

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream. A book by updates gets its snapshot by REST."""
        topic = topic_of(subscription, updates=self._options.by_updates)
        key = stream_key(subscription)
        if key in self._topics:
            return
        self._topics[key] = topic
        try:
            await (await self._feed_for(topic)).subscribe(topic)
        except AnyvenueError:
            self._topics.pop(key, None)
            raise
        if topic.channel == UPDATES:
            await self.resync(subscription)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream; one that another subscription needs too goes on (ticker and funding rate share theirs)."""
        topic = self._topics.pop(stream_key(subscription), None)
        if topic is not None and topic not in self._topics.values():
            for feed in (self._feed, *self._extra):
                await feed.unsubscribe(topic)

    async def resync(self, subscription: Subscription) -> None:
        """Have one book started anew, by REST or by subscribing again, for as long as it takes."""
        topic = self._topics.get(stream_key(subscription))
        if topic is not None:
            renew = self._send_snapshot if topic.channel == UPDATES else self._subscribe_again
            self.start(f"book {topic.payload[0]}", partial(self._insist, renew, topic))

    async def _insist(self, renew: Callable[[Topic], Awaitable[None]], topic: Topic) -> None:
        """Do so until it is done: whoever asked for it does not ask again."""
        while topic in self._topics.values():
            try:
                await renew(topic)
                break
            except AnyvenueError as error:
                if isinstance(error, Rejected | TradingEnded) and not isinstance(error, RateLimited):
                    raise
                _log.warning("%s: not yet anew: %s", topic.payload[0], error)
                await pause(self.clock, RESYNC_PAUSE_S)

    async def _subscribe_again(self, topic: Topic) -> None:
        feed = await self._feed_for(topic)
        await feed.unsubscribe(topic)
        await feed.subscribe(topic)

    async def _feed_for(self, topic: Topic) -> Feed:
        feeds = [feed for feed in (self._feed, *self._extra) if topic in feed.topics or len(feed.topics) < TOPICS_MAX]
        if feeds:
            return feeds[0]
        feed = self._make_feed(lambda reason: self._extra_down(feed, reason), lambda: None, keys=None)
        self._extra.append(feed)
        self.at_close(feed.close)
        await feed.open()
        return feed

    def _extra_down(self, feed: Feed, reason: str) -> None:
        for (channel, key, _), topic in self._topics.items():
            if topic in feed.topics:
                instrument = next(found for found in self.by_name.values() if found.key == key)
                self.sink(StreamStale(instrument=instrument, channel=channel, reason=reason))

    async def _send_snapshot(self, topic: Topic) -> None:
        """Ask for the snapshot that goes with a book by updates."""
        instrument = self.by_name[topic.payload[0]]
        wait_ns = self._snapshots.get(instrument.key, 0) + int(RESYNC_PAUSE_S * _SECOND_NS) - self.clock.time_ns()
        if wait_ns > 0:
            await pause(self.clock, wait_ns / _SECOND_NS)
        self._snapshots[instrument.key] = self.clock.time_ns()
        self.sink(await self.order_book(instrument, int(topic.payload[2])))

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now, up to 100 levels a side."""
        data = await self.ask(market.order_book_request(instrument, min(depth, 100)))
        book: BookSnapshot = self.read(market.read_order_book, data, instrument)
        return book

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return last, mark and index price and funding rate now."""
        data = await self.ask(market.ticker_request(instrument))
        ticker: Ticker = self.read(lambda rows, now: market.read_ticker(rows[0], instrument, now), data)
        return ticker

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the candles that open in [start_ns, end_ns), oldest first."""
        requests = market.candles_requests(instrument, interval_s, start_ns=start_ns, end_ns=end_ns)
        answers = [await self.ask(request) for request in requests]
        return [c for data in answers for c in self.read(market.read_candles, data, instrument, interval_s)]

    async def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the public trades in [start_ns, end_ns), oldest first."""
        rows = await self.pages(
            lambda offset: market.trades_request(instrument, start_ns=start_ns, end_ns=end_ns, offset=offset),
            orders.PAGE,
        )
        return _in_order(self.read(market.read_trades, rows, instrument), start_ns, end_ns)

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates in [start_ns, end_ns), oldest first; about 180 days are remembered."""
        found: dict[int, FundingRate] = {}
        until = end_ns
        while True:
            data = await self.ask(market.funding_rates_request(instrument, start_ns=start_ns, end_ns=until))
            rates: list[FundingRate] = self.read(market.read_funding_rates, data, instrument)
            new = {rate.ts_settle: rate for rate in rates if rate.ts_settle not in found}
            found |= new
            if not new:
                return _in_order(list(found.values()), start_ns, end_ns)
            until = min(new)

    # Commands

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once. One that waits for a trigger goes to a list of its own."""
        self.traded[spec.instrument.key] = spec.instrument
        if spec.trigger is not None:
            accepted: OrderAccepted = self.read(triggers.created, await self.ask(triggers.create(spec)), spec)
            self._names[str(accepted.venue_order_id)] = spec.client_order_id
            self._waits[spec.client_order_id] = Order(spec=spec).apply(OrderSent()).apply(accepted)
            if len(self._names) > NAMES_KEPT:
                self._names.popitem(last=False)
            return [accepted]
        data = await self._enter("futures.order_place", orders.place(spec, expires_ms=self._expiry_ms()))
        return [self.read(orders.order_report, data, spec.instrument)]

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders, ten to a request; one answer for each. Those with triggers are sent one by one."""
        answers: dict[int, Sequence[AccountEvent] | Exception] = {}
        plain: list[int] = []
        for number, spec in enumerate(specs):
            try:
                if spec.trigger is not None:
                    answers[number] = await self.place(spec)
                else:
                    orders.order_body(spec)
                    plain.append(number)
            except (AnyvenueError, InvalidOrder) as error:
                answers[number] = error
        for start in range(0, len(plain), orders.BATCH):
            rows = plain[start : start + orders.BATCH]
            answers |= zip(rows, await self._place_ten([specs[number] for number in rows]), strict=True)
        return [answers[number] for number in range(len(specs))]

    async def _place_ten(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        self.traded.update((spec.instrument.key, spec.instrument) for spec in specs)
        request = orders.place_batch(specs, expires_ms=self._expiry_ms())

        def error_of(row: Mapping[str, Any]) -> AnyvenueError:
            text = str(row.get("detail") or row.get("message") or "")
            return errors.error_of(str(row.get("label") or ""), text, status=400, request=request)

        def answers(data: Any, now: int) -> list[Sequence[OrderReported] | Exception]:
            return orders.batch_answers(data, specs, now, error_of)

        try:
            read: list[Sequence[AccountEvent] | Exception] = self.read(answers, await self.ask(request))
        except AnyvenueError as error:
            return [error] * len(specs)
        return read

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change an order in place. `quantity` is the new total, the filled part included."""
        if _waits(order):
            await self.ask(triggers.amend(order, price=price, quantity=quantity))
            return [OrderAmended(**_names(order), price=price, quantity=quantity, ts_recv=self.clock.time_ns())]
        request = orders.amend(order, price=price, quantity=quantity, expires_ms=self._expiry_ms())
        data = await self._enter("futures.order_amend", request, {"order_id": orders.locator(order)})
        return [self.read(orders.order_report, data, order.instrument)]

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's id, else by our own. A waiting order that has fired is canceled as what it became."""
        if not _waits(order):
            data = await self._enter("futures.order_cancel", orders.cancel(order), {"order_id": orders.locator(order)})
            return [self.read(orders.order_report, data, order.instrument)]
        try:
            await self.ask(triggers.cancel(order))
        except Rejected as error:
            row = await self._waiting_row(order) if error.reason in _GONE else None
            child = None if row is None else triggers.child_id(row)
            if child is None:
                raise
            fired = OrderTriggered(client_order_id=order.client_order_id, venue_order_id=child)
            return [fired, *await self.cancel(order.apply(fired))]
        self._waits.pop(order.client_order_id, None)
        return [OrderCanceled(**_names(order), ts_recv=self.clock.time_ns())]

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of a contract: in the book, and waiting. What protects a position stays."""
        data = await self.ask(orders.cancel_all(instrument))
        events: list[AccountEvent] = [self.read(orders.order_report, row, instrument) for row in data]
        for row in await self._waiting(instrument):
            if not triggers.protects(row):
                with suppress(UnknownOrder):  # it fired meanwhile
                    await self.ask(triggers.cancel_row(instrument, row))
                    own_id, now = triggers.own_id(row), self.clock.time_ns()
                    name = self._names.get(own_id)
                    self._waits.pop(name, None)
                    events.append(OrderCanceled(client_order_id=name, venue_order_id=own_id, ts_recv=now))
        return events

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Close a position at market, by the venue's own close order."""
        self.traded[instrument.key] = instrument
        self._closes += 1
        name = f"close-{self.context.session}-{self._closes}"
        data = await self.ask(orders.close_position(instrument, position_side, name))
        return [self.read(orders.order_report, data, instrument)]

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set a whole position's take-profit and stop-loss. The new ones stand before the old ones are canceled."""
        positions = {position.side: position for position in await self._positions_of(instrument)}
        held = positions.get(position_side)
        if held is None or held.is_flat:
            raise Rejected(
                "there is no position to protect; nothing was sent", reason=RejectReason.REDUCE_ONLY, venue=self.name
            )
        opened_by = Side.BUY if held.quantity > 0 else Side.SELL
        old = [row for row in await self._waiting(instrument) if triggers.protects(row, opened_by)]
        for request in triggers.protect(instrument, protection, opened_by, position_side):
            await self.ask(request)
        for row in old:
            with suppress(UnknownOrder):  # it fired meanwhile, or was canceled
                await self.ask(triggers.cancel_row(instrument, row))
        return ()

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, read them back, and return the (long) position."""
        with _unless_so_already():
            await self.ask(account.leverage_request(instrument, leverage, margin_mode, self._mode))
        position = (await self._positions_of(instrument))[0]
        if (position.leverage, position.margin_mode) != (leverage, margin_mode):
            raise VenueProtocolError(
                f"{instrument.key}: asked for {leverage} {margin_mode.value}; the venue has {position.leverage} "
                f"{position.margin_mode.value}",
                venue=self.name,
            )
        return position

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Switch between one-way and hedge mode; refused while there is a position or an order."""
        with _unless_so_already():
            await self.ask(account.position_mode_request(self._settle, mode))
        self._set_mode(mode)

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have all orders of the settle currency canceled in `timeout_s` (5 or more) unless armed again; 0 disarms."""
        await self.ask(account.countdown_request(self._settle, timeout_s))

    # Look-ups

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
        if _waits(order):
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
        row: Mapping[str, Any] = triggers.trails_in(data)[0] if is_trail else data
        return row

    async def _waiting_order(self, order: Order) -> VenueOrder | None:
        row = await self._waiting_row(order)
        if row is None:
            return None
        child = triggers.child_id(row)
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
            for row in {str(row["id"]): row for row in rows}.values()
            if (of := self.by_name.get(row["contract"]))
        ]
        for row in await self._waiting(instrument):
            if of := self.by_name.get(triggers.contract_of(row)):
                name = self._names.get(triggers.own_id(row))
                seen.append(self.read(triggers.trigger_order, row, of, mode=self._mode, client_id=name))
        return seen

    async def _waiting(self, instrument: Instrument | None) -> list[Mapping[str, Any]]:
        """Return all rows of the trigger and trailing orders that are open."""
        rows: list[Mapping[str, Any]] = await self.pages(
            lambda offset: triggers.listed(self._settle, instrument, offset=offset), orders.PAGE
        )
        number = 0
        while True:
            number += 1
            found = triggers.trails_in(await self.ask(triggers.listed_trails(self._settle, instrument, number=number)))
            rows += found
            if len(found) < triggers.TRAIL_PAGE:
                return rows

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended since `start_ns`; unfilled ones are forgotten after about 10 minutes (7.7)."""
        found: list[VenueOrder] = []
        while True:
            rows = await self.ask(orders.finished_orders(instrument, offset=len(found)))
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
        return _in_order(found, start_ns, end_ns)

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
        return _in_order(self.read(account.read_funding_payments, rows, instrument), start_ns, end_ns)

    # How a request goes

    async def _account(self) -> account.Account:
        data = await self.ask(account.account_request(self._settle))
        found: account.Account = self.read(account.read_account, data)
        return found

    async def _enter(self, channel: str, request: Request, which: Mapping[str, str] = _NOTHING) -> Any:
        """Send an order, amend or cancel by REST, or by the WebSocket `channel`, where a cancel counts as an order."""
        if self._options.order_entry == "rest":
            return await self.ask(request)
        param = orjson.loads(request.body or b"{}") | which
        await self._limiter.take(limits.PLACE, urgent=request.urgent)
        reply = await self._feed.call(channel, param, headers=request.headers)
        errs = reply.data.get("errs")
        if errs or reply.status >= 400:
            label, message = (str((errs or {}).get(name, "")) for name in ("label", "message"))
            raise errors.error_of(label, message, status=reply.status, request=channel)
        return reply.data["result"]

    def _expiry_ms(self) -> int:
        return self._time.time_ns() // 1_000_000 + int(self._options.order_expiry_s * 1000)


def _waits(order: Order) -> bool:
    """Tell whether an order is in the list of those that wait for a trigger, as far as is known."""
    return order.spec.trigger is not None and not order.triggered


def _names(order: Order) -> dict[str, Any]:
    return {"client_order_id": order.client_order_id, "venue_order_id": order.venue_order_id}


def _in_order(found: Sequence[T], start_ns: int, end_ns: int) -> list[T]:
    """Return what happened in [start_ns, end_ns), oldest first: the venue takes whole seconds, newest first."""
    return sorted((item for item in found[::-1] if start_ns <= item.ts_event < end_ns), key=lambda item: item.ts_event)


@contextmanager
def _unless_so_already() -> Iterator[None]:
    """Take a refusal because nothing would change as what it is: success."""
    try:
        yield
    except Rejected as error:
        if error.reason is not RejectReason.NOTHING_CHANGED:
            raise
