"""The venue: GaiaEx's pure parts joined to the wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn
from weakref import WeakValueDictionary

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import MarginMode, OrderType, PositionSide, Side, TimeInForce
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownInstrument,
    UnknownOrder,
    WouldTakeLiquidity,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Ticker
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection
from anyvenue.model.position import Position
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import AccountEvent, Channel, Sink, StreamStale, Subscription, VenueEvent
from anyvenue.venue.needs import features_of
from anyvenue.venue.remote import RemoteVenue
from anyvenue.venue.secrets import SecretSource
from anyvenue.wire.breaker import Breakers
from anyvenue.wire.deadline import pause
from anyvenue.wire.http import HttpClient
from anyvenue.wire.limits import RateLimiter
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Request, Response
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Socket
from anyvenue_gaiaex import auth, errors, rest
from anyvenue_gaiaex.descriptor import DESCRIPTOR, capabilities
from anyvenue_gaiaex.endpoints import GaiaExOptions, split_base
from anyvenue_gaiaex.feed import BookFeed, UserFeed
from anyvenue_gaiaex.instruments import COLLATERAL, Listing, read_symbols, shipped_sizes
from anyvenue_gaiaex.ledger import PATIENCE_NS, Ledger
from anyvenue_gaiaex.streams import Update

__all__ = ["GaiaExVenue"]

_log = logging.getLogger("anyvenue.gaiaex")

_SECOND_NS: Final = 1_000_000_000
BALANCE_PAUSE_S: Final = 0.5
"""An update tells what is available; this long after a change the whole balance is asked for, once."""
WATCH_S: Final = 5.0
RETURN_PATIENCE_S: Final = 10.0


class GaiaExVenue(RemoteVenue):
    """One account on GaiaEx's perpetuals. Without credentials it has market data only."""

    name = errors.VENUE

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        if context.environment is Environment.TESTNET:
            text = (
                "GaiaEx has announced a testnet, but there is none yet that can be reached: use the simulator or paper"
            )
            raise NotSupported(text, venue=self.name)
        self._options: GaiaExOptions = context.options
        self._has_time_in_force = self._options.has_time_in_force(context.environment)
        self.capabilities = capabilities(with_time_in_force=self._has_time_in_force)
        self._limiter = RateLimiter(rest.buckets(self._options.writes_per_s, self._options.reads_per_s), self.clock)
        self._time = ServerTime(self.clock, self._server_time)
        self._told_offset_ns: int | None = None
        self._time_path: str | None = None
        self._keys: auth.Keys | None = None
        self._secrets: SecretSource | None = None
        self._keys_version = 0
        self._user: UserFeed | None = None
        self._listings: dict[str, Listing] = {}
        self._prices: dict[str, Decimal] = {}
        self._touch: dict[str, tuple[Decimal, Decimal]] = {}
        self._books: dict[str, BookFeed] = {}
        self._tickers: dict[str, Instrument] = {}
        self._available: Decimal | None = None
        self._is_returning = False
        self._ledger = Ledger(self.by_name.get, self._price_of)
        self._writes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # Connecting

    async def connect(self, sink: Sink) -> None:
        """Open the connection: time and health, symbols, balance, then the account's stream."""
        self.sink = sink
        rest_url, self._ws_url, self._keys = await self._reach()
        self.http = self._client(rest_url)
        self._root = self._client(split_base(rest_url))
        await self._sync_clock()
        fee_rate = await self._check_health()
        await self._list_symbols(fee_rate)
        if self._keys is not None:
            self.is_private = True
            for balance in await self.balances():
                self.sink(balance)
            self._user = UserFeed(
                self._ws_url,
                self._account,
                clock=self.clock,
                time=self._time,
                dial=self._dial,
                on_update=self._on_update,
                on_down=self._on_down,
                on_up=self._on_up,
            )
            self.at_close(self._user.close)
            await self._user.open()
            if not self._ledger.knows_positions:
                _log.warning("the account's stream has told nothing yet; orders are refused until it does")
            self.start("watching the account's stream", self._watch)

    async def _reach(self) -> tuple[str, str, auth.Keys | None]:
        """Return the URLs and keys of the environment."""
        own = {"rest": self._options.rest_url, "ws": self._options.ws_url}
        urls = await self.reach(own, DESCRIPTOR.simulator)
        given = self.credentials
        if isinstance(given, SecretSource):
            self._secrets, self._keys_version = given, given.version
        return urls["rest"], urls["ws"], None if given is None else auth.Keys.of(given)

    def _client(self, url: str) -> HttpClient:
        client = HttpClient(
            url,
            venue=self.name,
            clock=self.clock,
            judge=self._judge,
            sign=self._sign,
            limiter=self._limiter,
            server_time=self._time,
            breakers=Breakers(self.clock),
            secrets=self._secrets,
            transport=self.transport,
        )
        self.at_close(client.close)
        return client

    async def _dial(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Open a socket when its turn has come: all that were cut off at once do not come back at once."""
        await self._limiter.take(rest.DIAL)
        return await self.dial(url, headers)

    def _judge(self, request: Request, response: Response) -> Refusal | None:
        refusal = errors.refusal_of(request, response)
        if refusal is not None and refusal.clock:
            told = errors.server_time_in(refusal.error.detail)
            self._told_offset_ns = self._told_offset_ns if told is None else told - response.ts_recv
        return refusal

    def _sign(self, request: Request, path: str, time_ns: int) -> Mapping[str, str]:
        return auth.rest_headers(self._account(), request, time_ns)

    def _account(self) -> auth.Keys:
        """Return the keys as they are now."""
        if self._keys is None:
            raise NotSupported("this connection has no credentials, so it has market data only", venue=self.name)
        if self._secrets is not None and self._secrets.version != self._keys_version:  # rotated: the same account's
            self._keys = evolve(auth.Keys.of(self._secrets), address=self._keys.address)
            self._keys_version = self._secrets.version
        return self._keys

    async def _ask_either(self, paths: tuple[str, str]) -> Any:
        """Ask where one revision has it, else where the other does."""
        try:
            return await self.ask(rest.probe(paths[0]))
        except Rejected:
            return await self.ask(rest.probe(paths[1]), self._root)

    async def _server_time(self) -> int:
        try:
            data = await self._ask_either(rest.TIME_PATHS)
        except Rejected:
            if self._told_offset_ns is None:
                raise
            return self.clock.time_ns() + self._told_offset_ns
        told: int = self.read(rest.read_time, data)
        return told

    async def _sync_clock(self, *, at_start: bool = True) -> None:
        try:
            await self._time.sync()
        except AnyvenueError as error:
            if at_start and isinstance(error, NotSent | TradingEnded):
                raise
            _log.warning("the venue does not tell its time, so the clock stays as it is: %s", error)

    async def _check_health(self) -> Decimal:
        """Say aloud where the venue is not healthy; return the fee rate that it indicates."""
        try:
            data = await self._ask_either(rest.HEALTH_PATHS)
            fee_rate: Decimal
            fee_rate, bad = self.read(rest.read_health, data)
        except AnyvenueError as error:
            if isinstance(error, NotSent):
                raise
            _log.warning("the venue does not tell its health: %s", error)
            return ZERO
        if bad:
            _log.warning("the venue says of itself: %s", "; ".join(bad))
        return fee_rate

    async def _list_symbols(self, fee_rate: Decimal = ZERO) -> None:
        data = await self.ask(rest.SYMBOLS)
        sizes = {**shipped_sizes(), **self._options.size_decimals}
        listings, left_out = self.read(
            lambda told, now: read_symbols(told, connection=self.context.connection, sizes=sizes, fee_rate=fee_rate),
            data,
        )
        for listing in listings:
            symbol = listing.instrument.venue_symbol
            if symbol not in self._listings:  # an instrument stays what it was for as long as the connection lasts
                self._listings[symbol], self.by_name[symbol] = listing, listing.instrument
            if listing.mark_price is not None:
                self._prices[symbol] = listing.mark_price
        for name, why in left_out.items():
            _log.info("%s is left out: %s", name, why)

    def explain(self, symbol: str) -> str:
        """Tell what a contract is called here that is named after another quote currency."""
        base = symbol.removesuffix("-PERP").rpartition("-")[0]
        listed = self.by_name.get(base)
        if listed is None:
            return ""
        return f"GaiaEx's contracts are settled in {COLLATERAL}: write {base}-PERP, or {listed.symbol}"

    # The account's stream

    def _on_update(self, told: Update) -> None:
        now = self.clock.time_ns()
        self._emit(self._ledger.update(told, now))
        if told.available is not None and told.available != self._available:
            self._available = told.available
            if told.total is None:
                self.start("balance", self._tell_balance, after_s=BALANCE_PAUSE_S)
            else:
                self.sink(
                    Balance(
                        currency=COLLATERAL,
                        total=told.total,
                        available=told.available,
                        ts_event=told.ts_event,
                        ts_recv=now,
                    )
                )
        if self._is_returning and told.positions is not None:
            self._is_returning = False
            self.returned()

    def _emit(self, events: Sequence[VenueEvent]) -> None:
        for event in events:
            self.sink(event)
        if self._ledger.is_waiting:
            self.start("explaining positions", self._explain_positions)

    async def _explain_positions(self) -> None:
        """Ask again what made a position change, until it is known or counts as a stranger's."""
        while self._ledger.is_waiting:
            await pause(self.clock, PATIENCE_NS / _SECOND_NS)
            for event in self._ledger.tick(self.clock.time_ns()):
                self.sink(event)

    async def _tell_balance(self) -> None:
        for balance in await self.balances():
            self.sink(balance)

    def _on_down(self, reason: str) -> None:
        self._is_returning = False
        self._ledger.reconnected()
        self.lost(reason)

    def _on_up(self) -> None:
        """The stream counts as back when it has told the account anew."""
        self._is_returning = True
        self.start("return of the account's stream", self._return_anyway, after_s=RETURN_PATIENCE_S)

    async def _return_anyway(self) -> None:
        if self._is_returning and self._ledger.knows_positions:
            self._is_returning = False
            _log.warning("the account's stream is back and tells nothing: its last news is taken for what is")
            self.returned()

    async def _watch(self) -> None:
        while self._user is not None:
            await pause(self.clock, WATCH_S)
            self._user.watch()
            if self._time.is_due:
                await self._sync_clock(at_start=False)

    # Market data

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return the rule of whole books without numbers: only their times put them in order."""
        return SequenceRule(time_ordered=True)

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a book, on a socket of its own, or the polling of mark prices."""
        instrument = subscription.instrument
        symbol = instrument.venue_symbol
        if subscription.channel is Channel.TICKER:
            if symbol not in self._prices:
                raise NotSupported(f"{symbol}: this server's list of symbols has no mark prices", venue=self.name)
            self._tickers[symbol] = instrument
            self.start("mark prices", self._poll_marks)
            return
        if subscription.channel is not Channel.BOOK:
            raise NotSupported(f"{subscription.channel.value} are not told by this venue", venue=self.name)
        if symbol in self._books:
            return
        if len(self._books) >= self._options.books_max:
            text = (
                f"{len(self._books)} books are open, each on a socket of its own: raise the option books_max for more"
            )
            raise NotSent(text, venue=self.name)
        url = f"{self._ws_url}/market/{symbol}"
        feed = self._books[symbol] = BookFeed(instrument, url, clock=self.clock, dial=self._dial, sink=self._on_market)
        try:
            await feed.open()
        except BaseException:
            if self._books.get(symbol) is feed:
                del self._books[symbol]
            await feed.close()
            raise

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a book or the ticker of a symbol."""
        symbol = subscription.instrument.venue_symbol
        if subscription.channel is Channel.TICKER:
            self._tickers.pop(symbol, None)
        elif subscription.channel is Channel.BOOK:
            feed = self._books.pop(symbol, None)
            self._touch.pop(symbol, None)
            if feed is not None:
                await feed.close()

    async def close(self) -> None:
        """Close everything. Orders stay as they are: GaiaEx cancels none by itself."""
        books, self._books = list(self._books.values()), {}
        for feed in books:
            await feed.close()
        await super().close()

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return the mark price now, where the list of symbols has one."""
        await self._list_symbols()
        if instrument.venue_symbol not in self._prices:
            raise NotSupported("this server's list of symbols has no mark prices", venue=self.name, request="ticker")
        now = self.clock.time_ns()
        return Ticker(instrument=instrument, mark_price=self._prices[instrument.venue_symbol], ts_recv=now)

    async def _poll_marks(self) -> None:
        while self._tickers:
            try:
                await self._list_symbols()
            except AnyvenueError as error:  # the next look may succeed, and nobody else would look again
                _log.warning("the mark prices could not be asked for: %s", error)
            else:
                now = self.clock.time_ns()
                for symbol, instrument in list(self._tickers.items()):
                    self.sink(Ticker(instrument=instrument, mark_price=self._prices.get(symbol), ts_recv=now))
            await pause(self.clock, self._options.mark_poll_s)

    def _on_market(self, event: VenueEvent) -> None:
        if isinstance(event, BookSnapshot):
            if event.bids and event.asks:
                self._touch[event.instrument.venue_symbol] = Decimal(event.bids[0][0]), Decimal(event.asks[0][0])
        elif isinstance(event, StreamStale):
            self._touch.pop(event.instrument.venue_symbol, None)
        self.sink(event)

    def _price_of(self, instrument: Instrument) -> Decimal | None:
        """Return what an instrument is worth, by its book, else by its mark price."""
        touch = self._touch.get(instrument.venue_symbol)
        return self._prices.get(instrument.venue_symbol) if touch is None else (touch[0] + touch[1]) / 2

    # Commands

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once. Raises NotSent and Rejected where it is refused here, with nothing sent."""
        account = self._account()
        self._check(spec)
        name, instrument = spec.client_order_id, spec.instrument
        self.traded[instrument.key] = instrument
        self._ledger.sent(spec, self.clock.time_ns())
        request = rest.place(spec, account.address, with_time_in_force=self._has_time_in_force)
        try:
            data = await self.ask(request)
        except (NotSent, TradingEnded):
            self._ledger.refused(name)
            raise
        except Rejected:
            self._ledger.refused(name)
            if (hours := self._listings[instrument.venue_symbol].hours) not in ("", "24/7"):
                _log.warning("%s trades in %s; it may be closed now", instrument.key, hours)
            raise
        events = self._ledger.acknowledged(name, self._ack(data), self.clock.time_ns())
        if spec.time_in_force is TimeInForce.IOC and not self._has_time_in_force:
            events += await self._take_back(spec, events)
        return events

    def _check(self, spec: OrderSpec) -> None:
        """Refuse what the venue must not see."""
        instrument, listing = spec.instrument, self._listings.get(spec.instrument.venue_symbol)
        if listing is None:
            raise UnknownInstrument(f"{instrument.key}: not in the venue's list of symbols")
        if listing.refusal:
            raise NotSupported(listing.refusal, venue=self.name)
        if spec.trigger is not None:
            raise NotSupported("there are no orders that wait for a trigger; protect the position", venue=self.name)
        for feature in features_of(spec):
            self.capabilities.require(feature, venue=self.name, allowed=self.context.allow_approximate)
        if not self._ledger.knows_positions:
            text = "the account's stream has not told the positions yet, and fills are derived from them"
            raise NotSent(text, venue=self.name)
        price = spec.price or self._price_of(instrument)
        if price is not None and not spec.reduce_only and spec.quantity * price < instrument.min_notional:
            self._refuse(
                RejectReason.BELOW_MINIMUM,
                f"found an order worth {spec.quantity * price:f} USDC; allowed is from {instrument.min_notional} on",
            )
        held = self._ledger.held(instrument).quantity
        if spec.reduce_only and spec.quantity > max(ZERO, -held * spec.side.sign):
            self._refuse(
                RejectReason.REDUCE_ONLY,
                f"found a reduce-only {spec.side.value} of {spec.quantity}; the position is {held}, and the venue is "
                "not trusted to trim it",
            )
        if spec.post_only and not self._has_time_in_force:
            touch = self._touch.get(instrument.venue_symbol)
            if touch is None or spec.price is None:
                raise NotSent(
                    "without its book it cannot be seen whether it would take: subscribe first", venue=self.name
                )
            if spec.price >= touch[1] if spec.side is Side.BUY else spec.price <= touch[0]:
                text = f"the book is at {touch[0]} / {touch[1]}, so it would have traded; nothing was sent"
                raise WouldTakeLiquidity(text, reason=RejectReason.WOULD_TAKE_LIQUIDITY, venue=self.name)

    def _check_side(self, side: PositionSide) -> None:
        if side is not PositionSide.NET:
            raise NotSupported("there is one position to a symbol, no hedge mode", venue=self.name)

    def _refuse(self, reason: RejectReason, text: str) -> NoReturn:
        raise Rejected(f"{text}; nothing was sent", reason=reason, venue=self.name)

    async def _take_back(self, spec: OrderSpec, events: Sequence[AccountEvent]) -> Sequence[AccountEvent]:
        """Cancel what was to be immediate or canceled, as far as it did not trade."""
        ids = [event.venue_order_id for event in events if isinstance(event, OrderAccepted)]
        if not ids or ids[0] is None:
            return ()
        try:
            return await self._cancel(spec.instrument, ids[0], spec.client_order_id)
        except AnyvenueError as error:
            _log.error("%s: an IOC order could not be canceled and may rest: %s", spec.client_order_id, error)
            return ()

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change an order, which may get another id by it. `quantity` is the new total, the filled part included."""
        account, name, spec = self._account(), order.client_order_id, order.spec
        new_price, new_quantity = price or order.price, quantity or order.quantity
        if new_price is None or spec.order_type is not OrderType.LIMIT:
            raise NotSupported("only limit orders can be changed", venue=self.name)
        if order.filled_quantity:
            text = "it is not documented whether a new size has the filled part in it: cancel it and place a new order"
            self._refuse(RejectReason.NOT_SUPPORTED, f"found an order that has traded in part; {text}")
        async with self._one_write(name):
            order_id = self._id_of(order)
            request = rest.modify(spec, order_id, account.address, price=new_price, size=new_quantity)
            self._ledger.amending(name, new_price, new_quantity, self.clock.time_ns())
            try:
                data = await self.ask(request)
            except (NotSent, Rejected, TradingEnded) as error:
                self._ledger.amend_refused(name)
                if isinstance(error, UnknownOrder):
                    self._emit(self._ledger.gone(name, self.clock.time_ns()))
                raise
            return self._ledger.amended(name, self._ack(data), self.clock.time_ns())

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's id.

        A refusal leaves open what the order is now: the account's stream tells. Only where that has shown already that
        it is not open, a refusal because there is no such order ends it.
        """
        name = order.client_order_id
        self._ledger.take_on(order, self.clock.time_ns())
        async with self._one_write(name):
            try:
                return await self._cancel(order.instrument, self._id_of(order), name)
            except UnknownOrder:
                if events := self._ledger.gone(name, self.clock.time_ns()):
                    return events
                raise

    async def _cancel(self, instrument: Instrument, order_id: str, name: str) -> Sequence[AccountEvent]:
        data = await self.ask(rest.cancel(instrument, order_id, self._account().address, name))
        ack = self._ack(data)
        if ack.status != "canceled":
            text = f"the venue answered {ack.status or 'without a status'!r} to a cancel; its stream will tell"
            raise OutcomeUnknown(text, venue=self.name)
        return self._ledger.canceled([order_id], self.clock.time_ns(), name)

    def _id_of(self, order: Order) -> str:
        order_id = self._ledger.order_id(order.client_order_id, order.venue_order_id)
        if order_id is None:
            text = "the venue knows orders by its own ids only, and this one's is not known yet"
            raise NotSent(text, venue=self.name)
        return order_id

    def _one_write(self, name: str) -> asyncio.Lock:
        """Return what lets one write at a time through for an order."""
        return self._writes.setdefault(name, asyncio.Lock())

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of a symbol. Whether that takes waiting take-profits and stop-losses is not documented."""
        data = await self.ask(rest.cancel_all(instrument, self._account().address))
        ids, failed = self.read(rest.read_canceled, data)
        events = self._ledger.canceled(ids, self.clock.time_ns())
        if failed:
            self._emit(events)
            raise OutcomeUnknown(failed, venue=self.name, request="POST /order/cancel-all")
        return events

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET, *, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Close a position at market, whole or `quantity` of it, within the option `slippage`."""
        account, held = self._account(), self._ledger.held(instrument).quantity
        self._check_side(position_side)
        if quantity is not None and instrument.check_quantity(quantity) > abs(held):
            self._refuse(RejectReason.REDUCE_ONLY, f"found {quantity} to close; the position is {held}")
        self.traded[instrument.key] = instrument
        side, size = (Side.SELL if held > 0 else Side.BUY), quantity or abs(held)
        answered = self._ledger.closing(instrument, side, size, self.clock.time_ns())
        request = rest.close_position(instrument, account.address, size=quantity, slippage=self._options.slippage)
        try:
            data = await self.ask(request)
        except (NotSent, Rejected, TradingEnded):
            answered(None)
            raise
        answered(self._ack(data))
        return ()

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set triggers that close the whole position at market. Raises InvalidOrder for one on the wrong side."""
        account, held = self._account(), self._ledger.held(instrument)
        self._check_side(position_side)
        if not held.quantity:
            self._refuse(RejectReason.REDUCE_ONLY, f"{instrument.key}: there is no position to protect")
        opened = Side.BUY if held.quantity > 0 else Side.SELL
        price = self._price_of(instrument) or held.entry_price
        if price is None:
            raise NotSent("no price is known by which to check the triggers: subscribe to the book", venue=self.name)
        check_protection(protection, opening=opened, price=price, instrument=instrument)
        size = abs(held.quantity)
        request = rest.protect(instrument, protection, account.address, closing=opened.opposite, size=size)
        await self.ask(request)
        return ()

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, and return the position with what the venue says that it set."""
        if leverage != int(leverage) or leverage < 1:
            raise ValueError(f"{instrument.key}: leverage: found {leverage}; allowed are whole numbers from 1")
        data = await self.ask(rest.leverage(instrument, int(leverage), margin_mode, self._account().address))
        times, mode = self.read(rest.read_margin_mode, data)
        if mode is not margin_mode:
            _log.warning("%s: asked for %s margin; the venue set %s", instrument.key, margin_mode.value, mode.value)
        held = next((one for one in self._ledger.positions() if one.instrument == instrument), None)
        known = held or Position(instrument=instrument)
        return evolve(known, leverage=times, margin_mode=mode)

    # Look-ups

    async def balances(self) -> Sequence[Balance]:
        """Return the balance of the collateral."""
        data = await self.ask(rest.balance(self._account().address))
        return [self.read(rest.read_balance, data)]

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat, as the account's stream told them last."""
        self._account()
        if not self._ledger.knows_positions:
            raise NotSent("the account's stream has not told the positions yet", venue=self.name)
        return self._ledger.positions()

    def _ack(self, data: Any) -> rest.Ack:
        ack: rest.Ack = self.read(rest.read_ack, data)
        return ack
